/** What marketplaces and receivers call what no one typed. */
const NOTICE_WORDS = new Set(
  'recall recalled revoke revoked retract retracted read receipt receipts system sys notice notification tip tips'.split(
    ' ',
  ),
);
/** Words that say nothing of the kind. */
const FILLERS = new Set('message messages msg info event text content type'.split(' '));
const CHINESE_NOTICE = /^(?:系统|撤回|已读|回执|提示|通知|消息|的)*(?:系统|撤回|已读|回执|提示|通知)(?:消息|类|的)*$/;

/**
 * Whether a type, in the receiver's words, names a notice of the marketplace: a recall, a read receipt, a system message.
 * Every word has to say so, since what a human sent must not be taken for one.
 */
export function isNotice(type: string): boolean {
  if (type === '') return false;
  const plain = type.normalize('NFKC').trim();
  if (CHINESE_NOTICE.test(plain)) return true;
  const words = plain
    .replace(/([a-z])([A-Z])/g, '$1 $2')
    .toLowerCase()
    .split(/[\s_.:/-]+/)
    .filter((word) => !FILLERS.has(word));
  return words.length > 0 && words.every((word) => NOTICE_WORDS.has(word));
}

const RECALL = /recall|revoke|retract|撤回/i;

/** Whether a notice tells of a message that was recalled: the window does not show any more what it said. */
export function isRecall({ content, type }: { readonly content: string; readonly type: string }): boolean {
  return isNotice(type) && RECALL.test(`${type} ${content}`);
}

/** Whether somebody sent what is no text: a picture, a card. */
export function isTextless({ content, type }: { readonly content: string; readonly type: string }): boolean {
  return content === '' && !isNotice(type);
}

/** What stands for a message without text where it is shown. It is never stored, so that it cannot be taken for a text. */
export function shownContent({ content, type }: { readonly content: string; readonly type: string }): string {
  return content || `[${type || 'unreadable'}]`;
}
