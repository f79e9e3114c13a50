/** The session fields that every row, event and reminder contains, so that no lookup is needed. */
export interface SessionRef {
  readonly sessionId: string;
  readonly sessionName: string;
  readonly accountId: string;
  readonly shopId: string;
  readonly shopName: string;
}
