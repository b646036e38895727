/**
 * An object's methods as they are called over RPC. Only plain data crosses here, so what a method returns arrives as
 * it is; the platform's own type of a stub says otherwise of tuples and unions.
 */
export type RemoteObject<Class, Method extends keyof Class> = {
  [M in Method]: Class[M] extends (...args: infer Args) => infer Result
    ? (...args: Args) => Promise<Awaited<Result>>
    : never;
};
