/** A warning about a message that is still stored; see IngestMessagesResponse.Warning. */
export type IngestWarningCode =
  | 'CONTENT_UNREADABLE'
  | 'TYPE_UNREADABLE'
  | 'TIME_UNREADABLE'
  | 'TIME_AHEAD'
  | 'TIME_ZONE'
  | 'SESSION_UNKNOWN';

export interface IngestWarning {
  /** The message's id; empty for the whole batch. */
  readonly id: string;
  readonly code: IngestWarningCode;
  readonly text: string;
}
