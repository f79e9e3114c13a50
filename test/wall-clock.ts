const Machine = globalThis.Date;

/**
 * Sets the wall clock of this process, forward or back: for everything in it, packages included. Timers and performance.now()
 * go on as before, as they do when an operator or NTP sets the clock of a machine. Disposing it sets the clock right again.
 */
export function setWallClock(by: { hours?: number; minutes?: number }): Disposable {
  const offset = ((by.hours ?? 0) * 60 + (by.minutes ?? 0)) * 60_000;
  globalThis.Date = class extends Machine {
    constructor(...given: unknown[]) {
      super(...((given.length > 0 ? given : [Machine.now() + offset]) as [number]));
    }
    static override now(): number {
      return Machine.now() + offset;
    }
  } as DateConstructor;
  return {
    [Symbol.dispose]: () => {
      globalThis.Date = Machine;
    },
  };
}
