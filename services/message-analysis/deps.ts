import type { Client } from '@connectrpc/connect';
import type { SessionService } from '../../gen/autosession/session/v1/session_service_pb.js';
import type { TaskService } from '../../gen/autosession/task/v1/task_service_pb.js';
import type { IdGenerator } from '../lib/runtime/id-generator.ts';
import type { Deps } from '../lib/runtime/module.ts';
import type { ParseContext } from './domain/parse-batch.ts';
import type { PartiesCache } from './ingest/parties-cache.ts';
import type { MessageMetrics } from './metrics.ts';
import type { RuleSets } from './rules/rule-sets.ts';

/** The prefixes of the ids that message-analysis makes: of conversations, messages, turns, and the tasks of agents. */
export type MessageIdPrefix = 'cnv' | 'msg' | 'trn' | 'tsk';

/** What the RPCs, event handlers and jobs of message-analysis need. */
export interface MessageDeps extends Deps {
  readonly ids: IdGenerator<MessageIdPrefix>;
  readonly metrics: MessageMetrics;
  readonly sessions: Client<typeof SessionService>;
  readonly tasks: Client<typeof TaskService>;
  readonly parties: PartiesCache;
  /** The rules that an element of a batch breaks. */
  readonly validateElement: ParseContext['validate'];
  /** The rule sets in effect. */
  readonly ruleSets: RuleSets;
}
