/** The times of messages in their order, a missing one being its neighbour's: the previous one's, else the next one's. */
export function neighbourTimes(times: readonly (number | undefined)[]): (number | undefined)[] {
  let last = times.find((time) => time !== undefined);
  return times.map((time) => {
    last = time ?? last;
    return last;
  });
}

/** The oldest and the newest of the times; undefined when there is none. */
export function windowOf(times: readonly (number | undefined)[]): { oldest: number; newest: number } | undefined {
  const present = times.filter((time) => time !== undefined);
  return present.length === 0 ? undefined : { oldest: Math.min(...present), newest: Math.max(...present) };
}
