/**
 * An object's methods as they are called over RPC. Only plain data crosses here, so a method's result arrives
 * unchanged, although the platform's type of a stub says otherwise for tuples and unions.
 */
export type RemoteObject<Class, Method extends keyof Class> = {
  [M in Method]: Class[M] extends (...args: infer Args) => infer Result
    ? (...args: Args) => Promise<Awaited<Result>>
    : never;
};
