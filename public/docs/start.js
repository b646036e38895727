// A file of its own, because the page's Content-Security-Policy forbids inline scripts.

const dark = matchMedia("(prefers-color-scheme: dark)");
const followScheme = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", followScheme);
followScheme();

/** Shows beside an operation's path which kind of key it needs. */
function KeyKinds({ React }) {
  return {
    wrapComponents: {
      OperationSummaryPath: (Path) => (props) => {
        const schemes = props.operationProps.get("security")?.flatMap((choice) => choice.keySeq()) ?? [];
        return React.createElement(
          React.Fragment,
          null,
          React.createElement(Path, props),
          // "writeKey" is a write key.
          ...schemes.map((name) =>
            React.createElement("span", { className: `key-kind ${name}`, key: name }, name.replace("Key", " key")),
          ),
        );
      },
    },
  };
}

const ui = SwaggerUIBundle({
  dom_id: "#docs",
  url: "/openapi.json",
  deepLinking: true,
  tryItOutEnabled: true,
  defaultModelsExpandDepth: 0,
  plugins: [KeyKinds],
  // By default the document's address is sent to a validator of Swagger's maker.
  validatorUrl: null,
  // Folds tags that are of interest to few readers, unless the address leads into them.
  onComplete() {
    const asked = decodeURIComponent(location.hash);
    for (const tag of ui.specSelectors.tags())
      if (tag.get("x-folded") && !asked.startsWith(`#/${tag.get("name")}`))
        ui.layoutActions.show(["operations-tag", tag.get("name")], false);
  },
});
