import { chatLists, complaintLists, regulatorLists } from './default-chat-words.ts';
import { parseRuleSet } from './parse-rule-set.ts';
import { emptyRuleSet, type RuleSet, type RuleSetKind } from './rule-set.ts';

const HANDOVER_REPLY = '好的，正在为您转接人工客服，请稍候。';
const COMPLAINT_REPLY = '非常抱歉给您带来不便，正在为您转接人工客服处理，请稍候。';

/** `only`: nothing else is said in the clause. */
const only = (text: string) => ({ text, gap: 0, alone: true });
const near = (text: string, gap: number) => ({ text, gap });

/** The default rule set for chats, as a document that a tenant may copy and change. */
export const defaultChatDocument = {
  lists: { ...chatLists, ...complaintLists, ...regulatorLists },
  rules: [
    { id: 'vip', detector: 'vip', severity: 'high', reply: HANDOVER_REPLY },
    {
      id: 'human_request',
      detector: 'request',
      severity: 'medium',
      reply: HANDOVER_REPLY,
      phrases: [
        near('{transfer} {human}', 3),
        near('{typo_transfer} {human}', 0),
        near('转工人', 0),
        near('zhuanrengong', 0),
        near('{want} {human}', 2),
        near('{polite} {human}', 0),
        near('{ask_there} {human}', 2),
        near('有 {human} {ask_end}', 2),
        near('有 人 工 {ask_end}', 0),
        near('{human} {where}', 1),
        near('{service} {gone}', 0),
        only('{human} {human}?'),
        near('{how} 联系 {service}', 4),
        near('{how} 找 {service}', 3),
        near('{help_me} 联系 {service}', 3),
        near('{strong_call} {service}', 2),
        near('{call} {boss} {come}', 2),
        near('{call} {someone} {act}', 2),
        only('{call} {someone}'),
        only('有人'),
        only('有没有人'),
        only('人呢'),
        only('没有人'),
        only('联系 {service}'),
        only('{ask_there} 客服'),
        near('有没有 人 {assist}', 3),
        near('能 转接 {ask_end}', 2),
        near('zhuan ren gong', 0),
        near('{with} {human} {talk}', 2),
        near('{human} {with} {talk}', 3),
        near('{help_me} {with} {service}', 3),
        near('{human} {handle}', 0),
        near('{refuse} {bot}', 4),
        near('{bot} {bot_stop}', 1),
        near('{en_reach} {en_article}? {en_human}', 0),
        near('{en_reach} {en_article}? {en_person}', 0),
        near('{en_want} {en_article}? {en_human}', 0),
        near('{en_want} {en_article}? {en_person} {en_act}', 0),
        near('{en_refuse} {en_the}? {en_bot}', 0),
        only('{en_human}'),
        near('{en_human} please', 0),
      ],
      exceptions: [
        near('人工 {thing}', 0),
        near('真人 {human_thing}', 0),
        near('{for_you} {transfer} {human}', 2),
        near('{for_you} {strong_call} {service}', 2),
        near('{for_you} {human}', 1),
        near('请 联系 {human}', 1),
        near('请 联系 {service}', 1),
        near('您 可以 联系 {human}', 1),
        near('{talk} 过', 0),
        near('{service} {discount}', 3),
        near('{transfer} {human} {about}', 1),
        near('{human} {about}', 2),
        near('{hire} {human}', 0),
        near('{hire} {service}', 0),
        near('工作人员 的', 0),
        near('个人 少', 0),
        near('cleaning agent', 0),
        near('estate agent', 0),
        near('human hair', 0),
        near('person to person', 0),
      ],
    },
    {
      id: 'complaint',
      detector: 'keywords',
      severity: 'medium',
      reply: COMPLAINT_REPLY,
      phrases: [
        near('{intend} {complaint}', 3),
        near('{complaint} {target}', 1),
        only('{complaint}'),
        near('{give} {bad_review}', 3),
        only('{bad_review}'),
        near('{bad_review} {give}', 1),
        near('向 {complaint}', 6),
        near('{shop} {is}? {fraud}', 2),
        near('{is_strong} {fraud}', 0),
        only('垃圾'),
        only('scam'),
        near('{en_service} {en_is} {en_very}? {en_adjective}', 0),
        near('{en_adjective} {en_service}', 0),
        only('{fraud}'),
        near('{fraud_word}', 0),
        near('{service_noun} {very} {bad}', 2),
        near('{service_noun} {very_bad}', 1),
        near('{trash}', 0),
        near('{fury}', 0),
        near('{en_complain}', 0),
        near('{en_fraud}', 0),
        near('{en_bad}', 0),
      ],
      exceptions: [
        near('被 {complaint}', 1),
        near('有人 {complaint}', 0),
        near('别人 {complaint}', 0),
        near('scam protection', 0),
        near('fraud protection', 0),
        near('骗子酒馆', 0),
        near('差评师', 0),
        near('{complaint} 率', 0),
      ],
    },
    {
      id: 'regulator',
      detector: 'keywords',
      severity: 'high',
      reason: 'regulator',
      reply: COMPLAINT_REPLY,
      phrases: [
        near('{hotline}', 0),
        near('{go} {authority} {threat}?', 3),
        near('{authority} {threat}', 3),
        near('{legal}', 0),
        near('{en_authority}', 0),
      ],
      exceptions: [],
    },
    {
      id: 'bot_failures',
      detector: 'failures',
      severity: 'medium',
      threshold: 3,
      urgent_threshold: 2,
      reply: HANDOVER_REPLY,
    },
  ],
};

/** The rule sets of a tenant that has stored none: for shop sessions no rule, as merchants' own talk names agents all day. */
export const defaultRuleSets: Readonly<Record<RuleSetKind, RuleSet>> = {
  chat: validRuleSet(defaultChatDocument),
  shop: emptyRuleSet,
};

function validRuleSet(document: unknown): RuleSet {
  const { ruleSet, faults } = { ruleSet: undefined, ...parseRuleSet(document) };
  if (!ruleSet) throw new Error(`the default rule set is invalid: ${faults?.join('; ')}`);
  return ruleSet;
}
