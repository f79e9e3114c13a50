const SystemDate = globalThis.Date;

/**
 * Sets the wall clock of this process, forward or back: for all code in it, including packages. Timers and performance.now() do
 * not change, as when an operator or NTP sets the clock of a machine. Disposing it restores the clock.
 */
export function setWallClock(by: { hours?: number; minutes?: number }): Disposable {
  const offset = ((by.hours ?? 0) * 60 + (by.minutes ?? 0)) * 60_000;
  globalThis.Date = class extends SystemDate {
    constructor(...args: unknown[]) {
      super(...((args.length > 0 ? args : [SystemDate.now() + offset]) as [number]));
    }
    static override now(): number {
      return SystemDate.now() + offset;
    }
  } as DateConstructor;
  return {
    [Symbol.dispose]: () => {
      globalThis.Date = SystemDate;
    },
  };
}
