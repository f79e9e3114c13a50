import * as z from 'zod';
import { actTimes, type RuleSet, ruleReasons, severities } from './rule-set.ts';

export const MAX_RULE_SET_BYTES = 256 * 1024;
export const MAX_RULE_SET_WORDS = 2_000;
const MAX_RULES = 100;
const MAX_PHRASES = 1_000;
const MAX_PARTS = 6;
const MAX_GAP = 10;
const MAX_WORD_LENGTH = 50;
const MAX_REPLY_LENGTH = 500;
const MAX_TIMES = 20;
const DEFAULT_GAP = 3;
const NAME = /^[a-z][a-z0-9_]{0,49}$/;
const PART = /^(?:\{[a-z][a-z0-9_]{0,49}\}|[^{}?\s]+)\??$/u;
/** A text of signs only would match everywhere. */
const HAS_LETTER = /[\p{L}\p{N}]/u;

/** The rule set, or every fault of the document as a sentence that names its path. */
export type ParsedRuleSet = { readonly ruleSet: RuleSet; readonly faults?: never } | { readonly faults: string[] };

const faults = {
  object: 'is not an object with lists and rules',
  lists: 'is not an object of names and lists of words; names are a-z, 0-9 and _',
  list: 'is not a list of words',
  word: `is not a word: 1 to ${MAX_WORD_LENGTH} characters with a letter or a digit among them`,
  rules: `is not a list of at most ${MAX_RULES} rules`,
  detector: 'needs a detector out of vip, request, keywords, failures, repetition, sentiment',
  id: 'is not an id: a-z, 0-9 and _, at most 50 characters, beginning with a letter',
  severity: `is none of ${severities.join(', ')}`,
  reason: `is none of ${ruleReasons.join(', ')}`,
  reply: `is not a text of 1 to ${MAX_REPLY_LENGTH} characters`,
  when: `is none of ${actTimes.join(', ')}`,
  confidence: 'is not a number above 0 and at most 1',
  boolean: 'is neither true nor false',
  phrases: 'is not a list of phrases',
  noPhrase: 'is empty: the rule would never fire',
  phrase: 'is neither a text nor an object with text, gap, alone, severity',
  parts: `is not 1 to ${MAX_PARTS} parts separated by single spaces, each a word or a {list}, with a ? behind it if it may be absent`,
  optional: 'has no part that must be there',
  gap: `is not a whole number from 0 to ${MAX_GAP}`,
};

const word = z.string(faults.word).max(MAX_WORD_LENGTH, faults.word).regex(HAS_LETTER, faults.word);
const severity = z.enum(severities, faults.severity);
const phraseText = z
  .string(faults.parts)
  .refine(isPhraseText, { error: faults.parts, abort: true })
  .refine((text) => text.split(' ').some((part) => !part.endsWith('?')), faults.optional);
const phrase = z.union([
  phraseText.transform((text) => ({ text, gap: DEFAULT_GAP, alone: false })),
  z.strictObject({
    text: phraseText,
    gap: wholeNumber(0, MAX_GAP).default(DEFAULT_GAP),
    alone: z.boolean(faults.boolean).default(false),
    severity: severity.optional(),
  }),
]);

const base = {
  id: z.string(faults.id).regex(NAME, faults.id),
  severity: severity.default('medium'),
  reason: z.enum(ruleReasons, faults.reason).optional(),
  reply: z.string(faults.reply).trim().min(1, faults.reply).max(MAX_REPLY_LENGTH, faults.reply).optional(),
  when: z.enum(actTimes, faults.when).default('before_answer'),
  confidence: z.number(faults.confidence).gt(0, faults.confidence).max(1, faults.confidence).default(1),
};

const phraseRule = {
  ...base,
  phrases: z.array(phrase, faults.phrases).min(1, faults.noPhrase),
  exceptions: z.array(phrase, faults.phrases).default([]),
  any_context: z.boolean(faults.boolean).default(false),
};

const rule = z.discriminatedUnion(
  'detector',
  [
    z.strictObject({ ...base, detector: z.literal('vip') }),
    z.strictObject({ ...phraseRule, detector: z.literal('request') }),
    z.strictObject({ ...phraseRule, detector: z.literal('keywords') }),
    z.strictObject({
      ...base,
      when: z.enum(actTimes, faults.when).default('after_answer'),
      detector: z.literal('failures'),
      threshold: wholeNumber(1, MAX_TIMES).default(3),
      urgent_threshold: wholeNumber(1, MAX_TIMES).default(2),
    }),
    z.strictObject({ ...base, detector: z.literal('repetition'), times: wholeNumber(2, MAX_TIMES).default(3) }),
    z.strictObject({
      ...base,
      detector: z.literal('sentiment'),
      words: z.array(word, faults.list).min(1, faults.noPhrase),
      threshold: wholeNumber(1, MAX_TIMES).default(1),
    }),
  ],
  { error: ({ code }) => (code === 'invalid_union' ? faults.detector : undefined) },
);

const document = z.strictObject(
  {
    lists: z.record(z.string().regex(NAME), z.array(word, faults.list), faults.lists).default({}),
    rules: z.array(rule, faults.rules).max(MAX_RULES, faults.rules),
  },
  { error: ({ code }) => (code === 'invalid_type' ? faults.object : undefined) },
);

/** Checks a document and fills in the defaults of its rules. */
export function parseRuleSet(value: unknown): ParsedRuleSet {
  if (Buffer.byteLength(JSON.stringify(value) ?? '') > MAX_RULE_SET_BYTES)
    return { faults: [`the rule set has more than ${MAX_RULE_SET_BYTES / 1024} KiB as JSON`] };
  const { data, error } = document.safeParse(value);
  if (!data) return { faults: [...new Set(error.issues.flatMap((issue) => sentencesOf(issue)))] };
  const found = [...duplicateIds(data), ...missingLists(data), ...excesses(data)];
  return found.length > 0 ? { faults: found } : { ruleSet: data };
}

function sentencesOf(issue: z.core.$ZodIssue, above: readonly PropertyKey[] = []): string[] {
  const path = [...above, ...issue.path];
  const place = pathText(path);
  if (issue.code === 'unrecognized_keys')
    return issue.keys.map((key) => `${pathText([...path, key])} is not a known field`);
  if (issue.code === 'invalid_key') return [`${pathText(path.slice(0, -1))} ${faults.lists}`];
  if (issue.code !== 'invalid_union' || issue.errors.length === 0) return [`${place} ${issue.message}`];
  // a phrase: the faults of the alternative whose type the value has
  const inner = issue.errors.find(
    (issues) => !issues.some(({ code, path: below }) => code === 'invalid_type' && below.length === 0),
  );
  return inner ? inner.flatMap((each) => sentencesOf(each, path)) : [`${place} ${faults.phrase}`];
}

function pathText(path: readonly PropertyKey[]): string {
  if (path.length === 0) return 'the rule set';
  return path.reduce<string>(
    (text, key) => (typeof key === 'number' ? `${text}[${key}]` : `${text}${text ? '.' : ''}${String(key)}`),
    '',
  );
}

function isPhraseText(text: string): boolean {
  const parts = text.split(' ');
  return (
    parts.length <= MAX_PARTS &&
    parts.every((part) => PART.test(part) && HAS_LETTER.test(part) && part.length <= MAX_WORD_LENGTH + '{}?'.length)
  );
}

function duplicateIds({ rules }: RuleSet): string[] {
  const ids = rules.map(({ id }) => id);
  return ids.flatMap((id, index) =>
    ids.indexOf(id) === index ? [] : [`rules[${index}].id is the id of rules[${ids.indexOf(id)}] as well`],
  );
}

function missingLists({ lists, rules }: RuleSet): string[] {
  return rules.flatMap((entry, index) => {
    if (!('phrases' in entry)) return [];
    return (['phrases', 'exceptions'] as const).flatMap((field) =>
      entry[field].flatMap(({ text }, place) =>
        listNames(text)
          .filter((name) => !Object.hasOwn(lists, name))
          .map((name) => `rules[${index}].${field}[${place}] names a list that is not there: ${name}`),
      ),
    );
  });
}

function excesses({ lists, rules }: RuleSet): string[] {
  const phrases = rules.flatMap((entry) => ('phrases' in entry ? [...entry.phrases, ...entry.exceptions] : []));
  const literals = phrases.flatMap(({ text }) => text.split(' ').filter((part) => !part.startsWith('{')));
  const lexicons = rules.flatMap((entry) => (entry.detector === 'sentiment' ? entry.words : []));
  const words = Object.values(lists).flat().length + literals.length + lexicons.length;
  return [
    ...(words > MAX_RULE_SET_WORDS
      ? [`the rule set has ${words} words; at most ${MAX_RULE_SET_WORDS} are allowed`]
      : []),
    ...(phrases.length > MAX_PHRASES
      ? [`the rule set has ${phrases.length} phrases; at most ${MAX_PHRASES} are allowed`]
      : []),
  ];
}

function listNames(text: string): string[] {
  return [...text.matchAll(/\{([^}]*)\}/g)].map(([, name]) => name!);
}

function wholeNumber(min: number, max: number) {
  const fault = `is not a whole number from ${min} to ${max}`;
  return z.int(fault).min(min, fault).max(max, fault);
}
