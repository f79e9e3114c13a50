import type {
  AliasNode,
  AndNode,
  BinaryOperationNode,
  InsertQueryNode,
  OperationNode,
  OperatorNode,
  ParensNode,
  PrimitiveValueListNode,
  ReferenceNode,
  SelectQueryNode,
  TableNode,
  ValueListNode,
  ValueNode,
  ValuesNode,
} from 'kysely';

/**
 * For each column the values that a row can have there, as far as a statement says. Placeholders stand for values supplied
 * later.
 */
export type ColumnValues = ReadonlyMap<string, readonly unknown[]>;

/** A column equals some values, or another column. */
interface Condition {
  readonly column: string;
  readonly values?: readonly unknown[];
  readonly other?: string;
}

/**
 * Every table that a SELECT reads, with what its conditions say about the columns. The condition of a left join says nothing
 * about the tables before it; other outer joins say nothing at all.
 */
export function tablesOf(select: SelectQueryNode): { table: string; rows: ColumnValues[] }[] {
  const { from, where, joins = [] } = select;
  const ofType = (...types: string[]) => joins.filter(({ joinType }) => types.includes(joinType));
  const conditions = (...types: string[]) => [where?.where, ...ofType(...types).map(({ on }) => on?.on)];
  const inner = columnValues(conditions('InnerJoin'));
  const left = columnValues(conditions('InnerJoin', 'LeftJoin'));
  const isOnly = joins.length === 0 && from?.froms.length === 1;
  const others = joins.length > ofType('InnerJoin', 'LeftJoin').length;
  return [
    ...(from?.froms ?? []).map((node) => tableValues(node, others ? new Map() : inner, isOnly)),
    ...joins.map(({ table, joinType }) =>
      tableValues(table, others ? new Map() : joinType === 'LeftJoin' ? left : inner, false),
    ),
  ];
}

/** The part of `known` about one table; names without a table belong to the only one. */
function tableValues(
  node: OperationNode,
  allValues: ColumnValues,
  isOnly: boolean,
): { table: string; rows: ColumnValues[] } {
  const prefix = `${aliasOf(node)}.`;
  const own = [...allValues].flatMap(([name, values]): [string, readonly unknown[]][] => {
    if (name.startsWith(prefix)) return [[name.slice(prefix.length), values]];
    return isOnly && !name.includes('.') ? [[name, values]] : [];
  });
  return { table: tableOf(node), rows: [new Map(own)] };
}

/** What conditions that all hold say about columns; `table.column` where a condition names the table. */
export function columnValues(conditions: readonly (OperationNode | undefined)[]): ColumnValues {
  const found = new Map<string, readonly unknown[]>();
  let equal = conditions.flatMap((node) => (node ? conditionsOf(node) : []));
  for (const { column, values } of equal) if (values) found.set(column, values);
  // a column that equals a known one is known
  for (let before = -1; before < found.size; ) {
    before = found.size;
    equal = equal.filter(({ other }) => other !== undefined);
    for (const { column, other } of equal) {
      const values = found.get(column) ?? found.get(other!);
      if (values) found.set(column, values).set(other!, values);
    }
  }
  return found;
}

/** The values of every row of an insert. */
export function insertedValues({ columns = [], values }: InsertQueryNode): ColumnValues[] {
  if (values?.kind !== 'ValuesNode') return [new Map()];
  return (values as ValuesNode).values.map((row) => {
    const given = listValues(row) ?? [];
    return new Map(columns.flatMap(({ column }, index) => (given[index] ? [[column.name, given[index]]] : [])));
  });
}

/** The table of a node, without its alias. */
export function tableOf(node: OperationNode): string {
  if (node.kind === 'TableNode') return (node as TableNode).table.identifier.name;
  if (node.kind === 'AliasNode') return tableOf((node as AliasNode).node);
  throw new Error('a row lock or a write whose target is not a table');
}

function aliasOf(node: OperationNode): string {
  const alias = node.kind === 'AliasNode' ? (node as AliasNode).alias : undefined;
  return alias?.kind === 'IdentifierNode' ? (alias as unknown as { name: string }).name : tableOf(node);
}

function conditionsOf(node: OperationNode): Condition[] {
  if (node.kind === 'ParensNode') return conditionsOf((node as ParensNode).node);
  if (node.kind === 'AndNode') {
    const { left, right } = node as AndNode;
    return [...conditionsOf(left), ...conditionsOf(right)];
  }
  if (node.kind !== 'BinaryOperationNode') return [];
  const { leftOperand, operator, rightOperand } = node as BinaryOperationNode;
  const column = columnOf(leftOperand);
  const operatorName = operator.kind === 'OperatorNode' ? (operator as OperatorNode).operator : '';
  if (column === undefined || !['=', 'in'].includes(operatorName)) return [];
  const other = columnOf(rightOperand);
  if (other !== undefined) return [{ column, other }];
  const values = operatorName === 'in' ? flattenValues(listValues(rightOperand)) : valuesOf(rightOperand);
  return values ? [{ column, values }] : [];
}

function columnOf(node: OperationNode): string | undefined {
  if (node.kind !== 'ReferenceNode') return undefined;
  const { table, column } = node as ReferenceNode;
  if (column.kind !== 'ColumnNode') return undefined;
  return table ? `${tableOf(table)}.${column.column.name}` : column.column.name;
}

function valuesOf(node: OperationNode): readonly unknown[] | undefined {
  return node.kind === 'ValueNode' ? [(node as ValueNode).value] : undefined;
}

/** The value of each element of a list, each in its own list; undefined for a computed one. */
function listValues(node: OperationNode): readonly (readonly unknown[] | undefined)[] | undefined {
  if (node.kind === 'PrimitiveValueListNode') return (node as PrimitiveValueListNode).values.map((value) => [value]);
  if (node.kind === 'ValueListNode') return (node as ValueListNode).values.map(valuesOf);
}

function flattenValues(list: ReturnType<typeof listValues>): readonly unknown[] | undefined {
  return list?.every((values) => values !== undefined) ? list.flat() : undefined;
}
