// A file of its own, because the page's Content-Security-Policy takes no inline script.
SwaggerUIBundle({
  dom_id: "#docs",
  url: "/openapi.json",
  deepLinking: true,
  tryItOutEnabled: true,
  // By default the document's address goes to a validator of Swagger's maker.
  validatorUrl: null,
});
