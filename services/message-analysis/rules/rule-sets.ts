import type { Database } from '../../lib/db/database.ts';
import type { Logger } from '../../lib/observability/logger.ts';
import { currentTenant } from '../../lib/runtime/request-context.ts';
import { defaultRuleSets } from '../domain/rules/default-rule-sets.ts';
import { parseRuleSet } from '../domain/rules/parse-rule-set.ts';
import type { RuleSet, RuleSetKind } from '../domain/rules/rule-set.ts';
import { readEffectiveVersions, readRuleSetVersion } from '../store/rule-sets.ts';
import type { MessageTables, RuleSetRow } from '../store/tables.ts';

/** A rule set in effect; version 0 is the default. */
export interface EffectiveRuleSet {
  readonly version: number;
  readonly ruleSet: RuleSet;
}

/**
 * The rule sets in effect, in memory. A loop keeps them up to date: a change of another process is in effect here within a second.
 */
export class RuleSets {
  readonly #db: Database;
  readonly #logger: Logger;
  /** By tenant and kind. */
  #known = new Map<string, EffectiveRuleSet & { readonly putId: string }>();
  #onChange: () => void = () => {};

  constructor(db: Database, logger: Logger) {
    this.#db = db;
    this.#logger = logger;
  }

  /** The rule set of the running request's tenant. */
  current(kind: RuleSetKind): EffectiveRuleSet {
    return this.currentOf(currentTenant(), kind);
  }

  currentOf(tenant: string, kind: RuleSetKind): EffectiveRuleSet {
    return this.#known.get(keyOf(tenant, kind)) ?? { version: 0, ruleSet: defaultRuleSets[kind] };
  }

  /** Calls `listener` when this process has stored a version. */
  set onChange(listener: () => void) {
    this.#onChange = listener;
  }

  notifyChange(): void {
    this.#onChange();
  }

  /** Reads the versions in effect, and the rule sets among them that are new. A rule set that cannot be read leaves the one before. */
  async refresh(): Promise<void> {
    const rows = await readEffectiveVersions(this.#db.autocommit<MessageTables>());
    const known = new Map<string, EffectiveRuleSet & { readonly putId: string }>();
    for (const row of rows) {
      const key = keyOf(row.tenant, row.kind);
      const before = this.#known.get(key);
      const current = before?.putId === row.put_id ? before : ((await this.#read(row)) ?? before);
      if (current) known.set(key, current);
    }
    this.#known = known;
  }

  async #read({ tenant, kind, version, put_id: putId }: RuleSetRow) {
    const row = await readRuleSetVersion(this.#db.autocommit<MessageTables>(), tenant, kind, version);
    // a newer version has replaced it: the next round reads that one
    if (!row) return undefined;
    const parsed = parseRuleSet(JSON.parse(row.document));
    const line = { tenant, kind, version };
    if (parsed.faults) {
      const faults = parsed.faults.slice(0, 5);
      this.#logger.error({ event: 'rules_unreadable', ...line, faults }, 'a stored rule set is not in effect');
      return undefined;
    }
    this.#logger.info({ event: 'rules_in_effect', ...line }, `version ${version} of the ${kind} rules is in effect`);
    return { version, ruleSet: parsed.ruleSet, putId };
  }
}

function keyOf(tenant: string, kind: string): string {
  return `${tenant} ${kind}`;
}
