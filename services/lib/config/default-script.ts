import type { BotScript } from './config.ts';

/** What the bot of a fresh installation says. */
export const defaultScript: BotScript = {
  rules: [
    { contains: ['你好', '您好', '在吗', '有人吗'], reply: '您好，我是智能助手，请问有什么可以帮您？', fails: false },
    {
      contains: ['hello', 'hi there', 'good morning'],
      reply: 'Hello, I am the assistant. How can I help you?',
      fails: false,
    },
    {
      contains: ['发货', '什么时候发', '多久到'],
      reply: '一般付款后 48 小时内发货，大部分地区 3 到 5 天送达。',
      fails: false,
    },
    {
      contains: ['shipping', 'deliver'],
      reply: 'Orders leave within 48 hours and usually arrive within 3 to 5 days.',
      fails: false,
    },
    {
      contains: ['退货', '退款', '换货'],
      reply: '签收后 7 天内可以申请退换货，请在订单页面点击“申请售后”。',
      fails: false,
    },
    {
      contains: ['refund', 'return'],
      reply: 'You can return an item within 7 days: choose "after-sales" on the order page.',
      fails: false,
    },
    {
      contains: ['便宜', '优惠', '打折', '砍价'],
      reply: '现在下单可以使用店铺首页的优惠券，已经是最低价啦。',
      fails: false,
    },
    { contains: ['谢谢', '多谢'], reply: '不客气，祝您生活愉快！', fails: false },
    { contains: ['thank'], reply: 'You are welcome!', fails: false },
  ],
  fallback: '我是一个按脚本回答的演示机器人，还不会回答这个问题。需要人工的话，请说“转人工”。',
  delayMs: 20,
  partLength: 4,
};
