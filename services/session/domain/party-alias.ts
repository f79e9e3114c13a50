/** A name of an account or a shop in the directory. */
export interface PartyAlias {
  readonly side: 'account' | 'shop';
  /** `key`: the key of a shop that was merged into this one; clients neither see nor set it. */
  readonly kind: 'name' | 'id' | 'nick' | 'key';
  readonly value: string;
  readonly key: string;
}
