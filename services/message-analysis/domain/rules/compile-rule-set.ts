import { type CompiledPhrase, compilePhrase } from './match-phrase.ts';
import type { PhraseRule, RuleSet } from './rule-set.ts';
import { WordList } from './word-list.ts';

export interface CompiledPhraseRule {
  readonly phrases: readonly CompiledPhrase[];
  readonly exceptions: readonly CompiledPhrase[];
}

/** What the evaluation of a rule set needs, prepared once. */
export interface CompiledRuleSet {
  readonly phraseRules: ReadonlyMap<string, CompiledPhraseRule>;
  readonly lexicons: ReadonlyMap<string, WordList>;
}

const compiledRuleSets = new WeakMap<RuleSet, CompiledRuleSet>();

/** Compiles a valid rule set; later calls for the same object return the first result. */
export function compileRuleSet(ruleSet: RuleSet): CompiledRuleSet {
  const known = compiledRuleSets.get(ruleSet);
  if (known) return known;
  const lists = new Map(Object.entries(ruleSet.lists).map(([name, words]) => [name, new WordList(words)]));
  const listOf = (name: string) => lists.get(name)!;
  const compile = ({ phrases, exceptions }: PhraseRule): CompiledPhraseRule => ({
    phrases: phrases.map((phrase) => compilePhrase(phrase, listOf)),
    exceptions: exceptions.map((phrase) => compilePhrase(phrase, listOf)),
  });
  const { rules } = ruleSet;
  const compiled: CompiledRuleSet = {
    phraseRules: new Map(rules.flatMap((rule) => ('phrases' in rule ? [[rule.id, compile(rule)] as const] : []))),
    lexicons: new Map(
      rules.flatMap((rule) => (rule.detector === 'sentiment' ? [[rule.id, new WordList(rule.words)] as const] : [])),
    ),
  };
  compiledRuleSets.set(ruleSet, compiled);
  return compiled;
}
