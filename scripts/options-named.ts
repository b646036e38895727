/** The options that have one of the names, each with its value, as `--name value` or `--name=value`. */
export function optionsNamed(names: readonly string[], all: readonly string[]): string[] {
  return all.flatMap((option, index) => {
    if (names.includes(option)) return all.slice(index, index + 2);
    return names.some((name) => option.startsWith(`${name}=`)) ? [option] : [];
  });
}

/** The value of the option that has one of the names. */
export function valueNamed(names: readonly string[], all: readonly string[]): string | undefined {
  const [option, value] = optionsNamed(names, all);
  return option?.includes("=") ? option.slice(option.indexOf("=") + 1) : value;
}
