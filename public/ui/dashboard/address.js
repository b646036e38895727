import { useEffect, useState } from "../vendor/preact.js";
import { readAddress } from "../shell.js";

/**
 * The page's state, kept in its address, so that it can be bookmarked and shared and works with the browser's Back. The
 * second value is a function that changes some of it; an empty value removes a name.
 */
export function useAddress() {
  const [address, setAddress] = useState(readAddress);
  useEffect(() => {
    const onPop = () => setAddress(readAddress());
    addEventListener("popstate", onPop);
    return () => removeEventListener("popstate", onPop);
  }, []);
  const go = (changes) => {
    const next = Object.fromEntries(
      Object.entries({ ...readAddress(), ...changes }).filter(([, value]) => value !== ""),
    );
    const query = new URLSearchParams(next).toString();
    if (query === new URLSearchParams(readAddress()).toString()) return;
    history.pushState(null, "", query ? `?${query}` : location.pathname);
    setAddress(next);
    if ("user" in changes) scrollTo(0, 0);
  };
  return [address, go];
}

/** The page's address with some of its state changed, for links. */
export function addressWith(changes) {
  const next = Object.entries({ ...readAddress(), ...changes }).filter(([, value]) => value !== "");
  return `?${new URLSearchParams(next)}`;
}
