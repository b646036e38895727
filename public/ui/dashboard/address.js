import { useEffect, useState } from "../vendor/preact.js";
import { readAddress } from "../shell.js";

/**
 * The page's state, which is that of its address: it can be bookmarked, sent to others, and left with the browser's own
 * Back. The second value changes some of it; an empty value takes a name out.
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

/** The address of the page with some of its state changed, for links. */
export function addressWith(changes) {
  const next = Object.entries({ ...readAddress(), ...changes }).filter(([, value]) => value !== "");
  return `?${new URLSearchParams(next)}`;
}
