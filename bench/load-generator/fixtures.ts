import { randomBytes } from 'node:crypto';

let counter = 0;
const run = randomBytes(4).toString('hex');

/** `prefix_` and 26 characters that are unique over all runs, in the form of the system's ids. */
export function unique(prefix: string): string {
  counter += 1;
  return `${prefix}_${run}${counter.toString(36).padStart(18, '0')}`;
}

/** A request to create a session, for an account and a shop that no other session uses. */
export function newSession() {
  const shop = unique('s');
  return {
    account_id: `t-${unique('a')}`,
    shop_id: shop,
    shop_name: `店铺${shop}`,
    task_type: 'auto_bargain',
    external_task_id: unique('o'),
    send_content: '您好，这件商品可以便宜一点吗？我想买三件，合适的话今天就下单。',
  };
}

/** A message as a receiver uploads it. */
export function message(nick: string, content: string) {
  return { id: unique('m'), nick, content, time: new Date().toISOString() };
}
