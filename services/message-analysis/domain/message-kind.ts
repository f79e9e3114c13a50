/** Names that marketplaces and receivers use for notices that no human wrote. */
const NOTICE_WORDS = new Set(
  'recall recalled revoke revoked retract retracted read receipt receipts system sys notice notification tip tips'.split(
    ' ',
  ),
);
/** Words that do not identify the kind. */
const FILLER_WORDS = new Set('message messages msg info event text content type'.split(' '));
const CHINESE_NOTICE = /^(?:系统|撤回|已读|回执|提示|通知|消息|的)*(?:系统|撤回|已读|回执|提示|通知)(?:消息|类|的)*$/;

/**
 * Whether a receiver's type names a notice of the marketplace: a recall, a read receipt, a system message. Every word of it
 * must be such a name, so that no message of a human is taken for a notice.
 */
export function isNotice(type: string): boolean {
  if (type === '') return false;
  const normalized = type.normalize('NFKC').trim();
  if (CHINESE_NOTICE.test(normalized)) return true;
  const words = normalized
    .replace(/([a-z])([A-Z])/g, '$1 $2')
    .toLowerCase()
    .split(/[\s_.:/-]+/)
    .filter((word) => !FILLER_WORDS.has(word));
  return words.length > 0 && words.every((word) => NOTICE_WORDS.has(word));
}

const RECALL = /recall|revoke|retract|撤回/i;

/** Whether a notice reports a recalled message: the window does not show its content any more. */
export function isRecall({ content, type }: { readonly content: string; readonly type: string }): boolean {
  return isNotice(type) && RECALL.test(`${type} ${content}`);
}

/** Whether it is a message without text: a picture, a card. */
export function isTextless({ content, type }: { readonly content: string; readonly type: string }): boolean {
  return content === '' && !isNotice(type);
}

/** The displayed content of a message. The placeholder for one without text is never stored: it would look like real text. */
export function displayContent({ content, type }: { readonly content: string; readonly type: string }): string {
  return content || `[${type || 'unreadable'}]`;
}
