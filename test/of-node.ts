/** The files of tests that need Node; all others run in workerd. */
export const OF_NODE = "test/{sdks,docs,pages,client,scripts,bench,archive-proof,history,mutation,fuzz-run}/**";
