import { phrasesOf, wordsOf } from './split-words.ts';
import { WordList } from './word-list.ts';

/** Words that may stand between a negation and what it negates. */
export const LIGHT_WORDS = new WordList([
  ...wordsOf(`你们家 你家 他们家 家 给我 帮我 替我 我 再 要 想 想要 需要 去 让 麻烦 急着 着急 马上 立刻 现在 叫 你 你们 是 为 特地 真的 真 就 老 总 一直 打算 准备 谁 也 都 这么 那么
    用 的 找 得 到 请 帮 给 任何 什么 向 对 跟 和 动不动 说`),
  ...phrasesOf(`to|need|want|a|an|any|the|me|me to|i|you|us|really|please|just|even|like|going|asking|for|asking for|
    leave|leave a|leaving|leaving a|here to|trying|be|am|be able|talk|speak|have|your`),
]);

export const NEGATIONS = new WordList([
  ...wordsOf(`没人要 没人想 没人会 从没觉得 不觉得 没觉得 不 不用 不要 不想 不需要 不必 不是 不是要 不会 不打算 不准备 不至于 不愿 不愿意 没 没有 没说 没说要 没想 没必要 没打算 没让 没叫 没要求 别 先别 甭 无需
    无须 毋需 用不着 犯不着 勿 先不 暂不 不太想 不着急 唔使 唔好 唔 莫 免 从不 从没 并非 绝不 绝无 拒绝 取消`),
  ...phrasesOf(`don't|dont|do not|not|no|no need|never|didn't|without|won't|wouldn't|rather not|doesn't|instead of|
    needn't|haven't|isn't`),
]);

/** Contain a negation and ask for the thing, or insist on it. */
export const INSISTING_WORDS = new WordList([
  ...wordsOf(`能不能 可不可以 可以不可以 要不要 是不是 行不行 会不会 好不好 要不 不如 能否 想不想 为什么不 为什么还不 为啥不 为啥还不 为何不 怎么不 怎么还不 咋不 咋还不
    干嘛不 干吗不 还不 再不 如果不 要是不 若不 不能不 非要 不得不 不能 就不能 能不 可不 不给 一直不 总不 老不 都不给我`),
  ...phrasesOf(`why don't you|why can't i|can't i|can i not|can't you|why won't you|if you don't|why not|dont you|
    why don't|why can't you|if i don't|if you do not|or not`),
]);

export const OTHERS = new WordList([
  ...wordsOf(`他 她 他们 她们 客服 商家 卖家 店家 朋友 别人 人家 老板 同事 老公 老婆 妈 爸 邻居 有人 网上 评论 评论里 页面 系统 提示 机器人 室友 上面 上边 上次 之前
    大家 说明 公告 按钮 平台`),
  ...phrasesOf(`he|she|they|friend|guy|colleague|someone|people|the agent|wife|husband|sister|brother|review`),
]);

export const REPORTING_WORDS = new WordList([
  ...wordsOf(`转述 原话 说 讲 提示 告诉 问 让 叫 写 建议 要求 提到 显示 写着 介绍 推荐 回复`),
  ...phrasesOf(`said|says|say|told|asked|suggested|recommended|mentioned|thinks`),
]);

/** The mention is about the bot's own words. */
export const BOT_REPORTS = new WordList([
  ...wordsOf(`你刚才说 你刚说 你刚刚说 你说的 你问我 你刚才问 你刚刚问 你提到`),
  ...phrasesOf(`you said|you mentioned`),
]);

export const FUTURE_WORDS = new WordList([
  ...wordsOf(`以后 下次 到时 到时候 将来 日后 回头`),
  ...phrasesOf(`later|next time|in the future`),
]);

export const CONDITIONS = new WordList([
  ...wordsOf(`早知道 如果 要是 万一 假如 假设 倘若 若是 若 的话`),
  ...phrasesOf(`if|in case|suppose`),
]);

export const QUESTION_WORDS = new WordList([
  ...wordsOf(`吗 么 呢 怎么办 几点 是不是 会不会 能不能 可不可以 有没有 多久 哪里 什么 怎样 如何 怎么`),
  ...phrasesOf(`can i|could i|will i|do i|how|is it|would i|may i`),
]);

/** A hypothetical request that is one all the same: it asks for the thing now. */
export const NOW_WORDS = new WordList([
  ...wordsOf(`现在 马上 立刻 赶紧 就给我 我就 帮我转 请转`),
  ...phrasesOf(`right now|now`),
]);

/** Words that may stand beside a phrase that has to be alone in its clause. */
export const FILLERS = new WordList([
  ...wordsOf('请 麻烦 快 快点 谢 谢谢 你好 您好 啊 呀 吧 呢 吗 哦 嘛 啦 了 喂 亲 嗯 好 的 我 马上 立刻 赶紧 服务'),
  ...wordsOf('在 帮忙 一下 下 哈 噢 呗 咯 把 先 就 都 给 真的 行不行'),
  ...phrasesOf('please|pls|plz|now|asap|hi|hello|hey|thanks|thank you|immediately|a|an|the|real|live|just'),
]);
