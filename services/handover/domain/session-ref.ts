/** Whose session it is: what every row, event and reminder repeats, so that nobody has to look it up. */
export interface SessionRef {
  readonly sessionId: string;
  readonly sessionName: string;
  readonly accountId: string;
  readonly shopId: string;
  readonly shopName: string;
}
