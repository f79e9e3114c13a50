import { expect, it } from 'vitest';
import { displayContent, isNotice, isRecall } from '../../../../services/message-analysis/domain/message-kind.ts';

it.each([
  ...['recall', 'RECALL', 'revoke', 'read', 'receipt', 'read_receipt', 'readReceipt', 'message.recall', 'recalled'],
  ...['system', 'System Message', 'sys-msg', 'notice', 'system_notice', 'notification', 'tip', 'tips'],
  ...['撤回', '消息撤回', '撤回消息', '已读', '已读回执', '系统消息', '系统提示', '系统', '通知', ' 系统通知 '],
])('a message of the type %j is a notice', (type) => {
  expect(isNotice(type)).toBe(true);
});

it.each([
  ...['', 'text', 'message', 'image', 'card', 'voice', 'system_card', 'image_tip', 'reading', 'tipping', 'ready', '3'],
  ...['消息', '图片', '系统图片', '已读的书', '文本消息', '撤回了吗'],
])('a message of the type %j may be a human’s', (type) => {
  expect(isNotice(type)).toBe(false);
});

it('a message without text is shown by its type', () => {
  expect(displayContent({ content: '', type: 'image' })).toBe('[image]');
  expect(displayContent({ content: '', type: '图片' })).toBe('[图片]');
  expect(displayContent({ content: '', type: '' })).toBe('[unreadable]');
  expect(displayContent({ content: '好', type: 'text' })).toBe('好');
});

it.each([
  ['recall', '', true],
  ['撤回消息', '', true],
  ['system', '对方撤回了一条消息', true],
  ['system', '您有新的订单', false],
  ['text', '我撤回了', false],
])('a message of the type %j with the content %j reports a recall: %s', (type, content, tells) => {
  expect(isRecall({ type, content })).toBe(tells);
});
