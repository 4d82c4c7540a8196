/** Messages of the bench to the process of its gateway. */
export type ToGateway =
  | { readonly type: 'start'; readonly url: string; readonly tokenFile: string }
  /** Where does it listen? */
  | { readonly type: 'address' };
export type FromGateway = { readonly type: 'ready' } | { readonly type: 'address'; readonly address: string };
