/** A name under which the directory knows an account or a shop. */
export interface PartyAlias {
  readonly side: 'account' | 'shop';
  /** `key`: the key of a shop that was merged into this one; callers neither see nor set it. */
  readonly kind: 'name' | 'id' | 'nick' | 'key';
  readonly value: string;
  readonly key: string;
}
