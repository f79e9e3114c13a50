/** The exit codes of commands. */
export const ExitCode = { OK: 0, FAILED: 1, USAGE: 2 } as const;

/** A failure with a message for people: it is shown without a stack. */
export class CliError extends Error {
  /** What `--json` prints. */
  toJSON(): Record<string, unknown> {
    return { success: false, message: this.message };
  }
}

/** An error answer of the system. */
export class ApiError extends CliError {
  readonly status: number;
  readonly envelope: Readonly<Record<string, unknown>>;

  constructor(status: number, envelope: Readonly<Record<string, unknown>>) {
    super(String(envelope.message ?? `HTTP ${status}`));
    this.status = status;
    this.envelope = envelope;
  }

  override toJSON() {
    return { ...this.envelope };
  }
}

/** An error as text for standard error: for people, or one JSON document. */
export function formatError(error: unknown, json: boolean): string {
  if (json) return JSON.stringify(errorDocument(error));
  if (error instanceof ApiError) return formatApiError(error);
  if (error instanceof CliError) return error.message;
  return error instanceof Error ? sentenceOf(error) : String(error);
}

function errorDocument(error: unknown): Record<string, unknown> {
  if (error instanceof CliError) return error.toJSON();
  return { success: false, message: error instanceof Error ? sentenceOf(error) : String(error) };
}

function sentenceOf(error: Error): string {
  return error.cause instanceof Error ? `${error.message} (${error.cause.message})` : error.message;
}

function formatApiError({ message, envelope, status }: ApiError): string {
  const { error_code: code, detail, data, request_id: requestId } = envelope;
  const lines = [`Refused: ${message} (${code ?? `HTTP ${status}`})`];
  if (typeof detail === 'string') lines.push(`  ${detail}`);
  for (const [name, value] of Object.entries((data ?? {}) as object)) lines.push(`  ${name}: ${value}`);
  if (requestId) lines.push(`  request_id: ${requestId}`);
  return lines.join('\n');
}
