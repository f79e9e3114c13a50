import type { Options } from './options.ts';

/** The profile of a run. */
export interface Profile {
  /** Virtual users in the main flow. */
  readonly concurrency: readonly number[];
  /** Seconds of a timed measurement, and of the warm-up before a system's first one. */
  readonly seconds: number;
  readonly warmUpSeconds: number;
  /** Tasks that are claimed and completed, and jobs of the raw queue. */
  readonly tasks: number;
  /** Ingest: messages per batch, batches measured, batches under way at a time. */
  readonly batches: readonly { readonly messages: number; readonly count: number; readonly inFlight: number }[];
  /** Event streams; commits whose events they receive; milliseconds between commits. */
  readonly streams: readonly number[];
  readonly commits: number;
  readonly commitEveryMs: number;
  /** The numbers of stored sessions at which operations are compared. */
  readonly datasetSizes: readonly [few: number, many: number];
  /** Seconds of overload, and the arrival rate as a multiple of the saturation rate. */
  readonly overloadSeconds: number;
  readonly overloadFactor: number;
  /** Conversations at a time, of chats. */
  readonly conversations: readonly number[];
  /** Starts of which the median is reported. */
  readonly startRuns: number;
}

const full: Profile = {
  concurrency: [1, 8, 32, 128],
  seconds: 8,
  warmUpSeconds: 4,
  tasks: 4_000,
  batches: [
    { messages: 1, count: 1_000, inFlight: 8 },
    { messages: 10, count: 600, inFlight: 8 },
    { messages: 1_000, count: 40, inFlight: 2 },
  ],
  streams: [1, 100, 1_000],
  commits: 100,
  commitEveryMs: 100,
  datasetSizes: [10_000, 1_000_000],
  overloadSeconds: 10,
  overloadFactor: 4,
  conversations: [1, 32, 128],
  startRuns: 5,
};

const quick: Profile = {
  concurrency: [1, 8],
  seconds: 0.5,
  warmUpSeconds: 0.3,
  tasks: 60,
  batches: [
    { messages: 1, count: 20, inFlight: 4 },
    { messages: 1_000, count: 2, inFlight: 2 },
  ],
  streams: [1, 20],
  commits: 5,
  commitEveryMs: 50,
  datasetSizes: [200, 2_000],
  overloadSeconds: 1,
  overloadFactor: 4,
  conversations: [1, 4],
  startRuns: 1,
};

/** The profile of a run. */
export function profileFor({ quick: isQuick, seconds }: Pick<Options, 'quick' | 'seconds'>): Profile {
  const profile = isQuick ? quick : full;
  return seconds === undefined
    ? profile
    : { ...profile, seconds, warmUpSeconds: Math.min(seconds, profile.warmUpSeconds), overloadSeconds: seconds };
}
