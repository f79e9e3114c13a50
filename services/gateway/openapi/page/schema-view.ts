import type { OpenApi, Schema } from '../openapi-types.ts';
import { type Html, html } from './html.ts';
import { inline, paragraphs } from './inline-text.ts';

/** The name of the schema that a reference means; undefined without one. */
export function refName({ $ref }: { readonly $ref?: string }): string | undefined {
  return $ref?.split('/').at(-1);
}

/** The schema itself, a reference followed. */
export function resolved(schema: Schema, { components }: OpenApi): Schema {
  const name = refName(schema);
  return name === undefined ? schema : (components.schemas[name] ?? schema);
}

/** The properties of an object, those of its parts too; the later ones win. */
export function propertiesOf(schema: Schema, document: OpenApi): Readonly<Record<string, Schema>> {
  const own = resolved(schema, document);
  const parts = (own.allOf ?? []).map((part) => propertiesOf(part, document));
  return Object.assign({}, ...parts, own.properties);
}

/** The names of an object's required properties. */
export function requiredOf(schema: Schema, document: OpenApi): ReadonlySet<string> {
  const own = resolved(schema, document);
  const parts = (own.allOf ?? []).flatMap((part) => [...requiredOf(part, document)]);
  return new Set([...parts, ...(own.required ?? [])]);
}

/** What a value is, in a few words, with links to the schemas that it names. */
export function typeView(schema: Schema): Html {
  const name = refName(schema);
  if (name) return html`<a href="#schema-${name}">${name}</a>`;
  if (schema.const !== undefined) return html`<code>${JSON.stringify(schema.const)}</code>`;
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices) return joined(choices.map(typeView), ' or ');
  if (schema.allOf) return joined(schema.allOf.map(typeView), ' with ');
  if (schema.items) return html`list of ${typeView(schema.items)}${nullText(schema)}`;
  if (typeof schema.additionalProperties === 'object')
    return html`object of ${typeView(schema.additionalProperties)}${nullText(schema)}`;
  if (schema.enum)
    return joined(
      schema.enum.map((word) => html`<code>${String(word)}</code>`),
      ' · ',
    );
  return html`${[schema.type ?? 'anything'].flat().join(' or ')}${schema.format ? ` (${schema.format})` : ''}`;
}

/** The limits of a value as words; empty when it has none. */
export function limitsText(schema: Schema): string {
  const { minimum, maximum, minLength = 0, maxLength, minItems = 0, maxItems } = schema;
  return [
    minimum !== undefined && maximum !== undefined && maximum < 2 ** 31 - 1 ? `${minimum} to ${maximum}` : '',
    minLength > 0 ? 'not empty' : '',
    maxLength === undefined ? '' : `at most ${maxLength} characters`,
    minItems > 0 ? `at least ${minItems}` : '',
    maxItems === undefined ? '' : `at most ${maxItems}`,
    schema.pattern && !refName(schema) ? `pattern ${schema.pattern}` : '',
  ]
    .filter(Boolean)
    .join(', ');
}

/** An object's fields as a table. In a request every optional field may be null: that is said once, not in every line. */
export function fieldsTable(schema: Schema, document: OpenApi, options: { readonly request?: boolean } = {}): Html {
  const required = requiredOf(schema, document);
  const rows = Object.entries(propertiesOf(schema, document)).map(([name, property]) => {
    const shown = options.request ? withoutNull(property) : property;
    return html`<tr><th scope="row"><code>${name}</code>${options.request && required.has(name) ? html` <em>required</em>` : undefined}${property.deprecated ? html` <em>deprecated</em>` : undefined}</th>
<td>${typeView(shown)}</td><td>${inline(shown.description ?? '')} ${limits(shown)}</td></tr>`;
  });
  return html`<table><tbody>${rows}</tbody></table>`;
}

/** A schema of the document, with an anchor. */
export function schemaView(name: string, document: OpenApi): Html {
  const schema = resolved({ $ref: `#/components/schemas/${name}` }, document);
  const isObject = Object.keys(propertiesOf(schema, document)).length > 0;
  const isRequest = name.endsWith('Request') || name.endsWith('Input');
  return html`<section class="schema" id="schema-${name}"><h3>${name}</h3>
${paragraphs(schema.description ?? '')}
${isObject ? fieldsTable(schema, document, { request: isRequest }) : wordsView(schema)}
</section>`;
}

function wordsView(schema: Schema): Html {
  const words = schema['x-words'];
  if (!words) return html`<p>${typeView(schema)} ${limits(schema)}</p>`;
  const rows = Object.entries(words).map(
    ([word, meaning]) => html`<tr><th scope="row"><code>${word}</code></th><td>${inline(meaning)}</td></tr>`,
  );
  return html`<table><tbody>${rows}</tbody></table>`;
}

function limits(schema: Schema): Html | undefined {
  const text = limitsText(schema);
  return text ? html`<small>${text}</small>` : undefined;
}

function withoutNull(schema: Schema): Schema {
  const choices = schema.anyOf?.filter(({ type }) => type !== 'null');
  if (choices?.length === 1) return { ...choices[0], description: schema.description };
  const types = [schema.type ?? []].flat().filter((type) => type !== 'null');
  return types.length > 0 ? { ...schema, type: types.length === 1 ? types[0] : types } : schema;
}

function nullText({ type }: Schema): string {
  return [type ?? []].flat().includes('null') ? ' or null' : '';
}

function joined(parts: readonly Html[], separator: string): Html {
  return html`${parts.flatMap((part, index) => (index === 0 ? [part] : [separator, part]))}`;
}
