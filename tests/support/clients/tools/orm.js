// orm.js NAME URI: what a client or ORM of node does with shop.sql as its agent `tool` sees it: connects, lists the schema where it
// can, reads, writes, uses transactions. A transcript that is the same direct, on a database that holds only what the capability
// shows, and through pgchaperone on the whole one.
'use strict';
const [, , name, uri] = process.argv;

function show(what, value = '') {
  console.log(`${what}: ${typeof value === 'string' ? value : JSON.stringify(value)}`);
}
async function refused(what, promise) {
  try {
    show(what, await promise);
  } catch (e) {
    const { code, message } = e.original || e.cause || e;
    // A denial says what may be read instead.
    if (code === '42P01' || code === '42501') show(what, 'refused');
    else show(what, { code, message: message.replace(/^.* - /s, '') });
  }
}

const clients = {
  async pg() {
    const { Pool } = require('pg');
    const pool = new Pool({ connectionString: uri, max: 2 });
    const rows = async (text, values) => (await pool.query(text, values)).rows;
    show('tables', await rows("SELECT table_schema, table_name, table_type FROM information_schema.tables WHERE table_schema NOT IN ('pg_catalog', 'information_schema') ORDER BY 1, 2"));
    show('columns', await rows("SELECT table_name, column_name, data_type, is_nullable FROM information_schema.columns WHERE table_schema = 'public' ORDER BY table_name, column_name"));
    show('schemas', await rows("SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_' ORDER BY 1"));
    show('tables of the catalog', await rows("SELECT schemaname, tablename FROM pg_tables WHERE schemaname !~ '^pg_|information_schema' ORDER BY 1, 2"));
    show('relations', await rows("SELECT c.relname, c.relkind, obj_description(c.oid) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'public' AND c.relkind IN ('r', 'v') ORDER BY 1"));
    show('columns of the catalog', await rows("SELECT a.attname, format_type(a.atttypid, a.atttypmod) AS type, a.attnotnull, pg_get_expr(d.adbin, d.adrelid) AS default FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum WHERE a.attrelid = 'public.tickets'::regclass AND a.attnum > 0 AND NOT a.attisdropped ORDER BY 1"));
    show('keys', await rows("SELECT tc.table_name, tc.constraint_type, kcu.column_name FROM information_schema.table_constraints tc JOIN information_schema.key_column_usage kcu USING (constraint_schema, constraint_name) WHERE tc.table_schema = 'public' ORDER BY 1, 2, 3"));
    show('indexes', await rows("SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1"));
    show('constraints', await rows("SELECT conname, pg_get_constraintdef(oid) AS text FROM pg_constraint WHERE connamespace = 'public'::regnamespace ORDER BY 1"));
    show('functions', await rows("SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace ORDER BY 1"));
    show('rows', await rows('SELECT c.name, c.email, count(t.id)::int AS tickets FROM customers c LEFT JOIN tickets t ON t.customer_id = c.id GROUP BY c.name, c.email ORDER BY 1'));
    show('all', await rows('SELECT * FROM tickets ORDER BY id'));
    show('one', await rows('SELECT subject FROM tickets WHERE id = $1 AND status = ANY($2)', [1, ['open', 'waiting']]));
    await refused('hidden table', pool.query('SELECT * FROM salaries'));
    const c = await pool.connect();
    await c.query('BEGIN');
    show('update', (await c.query('UPDATE tickets SET status = $1 WHERE id = $2 RETURNING status', ['solved', 1])).rows);
    await c.query('SAVEPOINT a');
    await refused('foreign key', c.query("INSERT INTO notes (ticket_id, body) VALUES (4242, 'no such ticket')"));
    await c.query('ROLLBACK TO a');
    show('insert', (await c.query('INSERT INTO notes (ticket_id, body, tags, data) VALUES ($1, $2, $3, $4) RETURNING body, tags, data', [1, 'refund', ['money'], { eur: 5 }])).rows);
    await c.query('ROLLBACK');
    c.release();
    show('rolled back', [await rows('SELECT status FROM tickets WHERE id = 1'), await rows('SELECT count(*)::int FROM notes')]);
    await pool.end();
  },

  async 'postgres.js'() {
    const sql = require('postgres')(uri, { max: 2, onnotice: () => {} });
    show('tables', await sql`SELECT table_name FROM information_schema.tables WHERE table_schema = ${'public'} ORDER BY 1`);
    show('rows', await sql`SELECT id, subject, status FROM tickets WHERE status IN ${sql(['open', 'waiting'])} ORDER BY id`);
    show('insert', await sql`INSERT INTO notes ${sql([{ ticket_id: 1, body: 'first', tags: ['a', 'b'] }, { ticket_id: 2, body: 'second', tags: [] }], 'ticket_id', 'body', 'tags')} RETURNING body, tags`);
    show('update', await sql`UPDATE notes SET ${sql({ body: 'changed', data: sql.json({ k: 1 }) })} WHERE body = 'first' RETURNING body, data`);
    await refused('begin', sql.begin(async (t) => {
      await t`INSERT INTO notes (ticket_id, body) VALUES (3, 'gone')`;
      await t.savepoint((s) => s`INSERT INTO notes (ticket_id, body) VALUES (3, 'second')`).catch((e) => show('savepoint', e.code));
      show('inside', (await t`SELECT count(*)::int FROM notes`)[0]);
      throw new Error('rolls back');
    }));
    let streamed = 0;
    await sql`SELECT generate_series(1, 100)`.cursor(10, (rows) => { streamed += rows.length; });
    show('cursor', streamed);
    show('simple', (await sql`SELECT 1 AS a; SELECT 2 AS b`.simple()).map((r) => r[0]));
    show('unsafe', await sql.unsafe('SELECT name, email FROM customers WHERE name = $1', ['Ada']));
    show('described', (await sql`SELECT id, body FROM notes`.describe()).columns.map((c) => c.name));
    show('delete', (await sql`DELETE FROM notes`).count);
    await refused('hidden table', sql`SELECT * FROM salaries`);
    await sql.end();
  },

  async knex() {
    const knex = require('knex')({ client: 'pg', connection: uri, pool: { min: 0, max: 2 } });
    show('has', [await knex.schema.hasTable('tickets'), await knex.schema.hasTable('salaries'), await knex.schema.hasColumn('customers', 'email'), await knex.schema.hasColumn('customers', 'ssn')]);
    show('columns', Object.entries(await knex('tickets').columnInfo()).map(([k, v]) => [k, v.type, v.nullable, v.maxLength]).sort());
    show('rows', await knex('tickets as t').join('customers as c', 'c.id', 't.customer_id').select('t.subject', 'c.name', 'c.email').where('t.status', 'open').orderBy('t.id').limit(5).offset(0));
    show('count', await knex('tickets').count('* as n').groupBy('status').select('status').orderBy('status'));
    show('insert', await knex('notes').insert([{ ticket_id: 1, body: 'one' }, { ticket_id: 1, body: 'two', data: { k: 1 } }], ['body', 'data']));
    show('conflict', await knex('notes').insert({ ticket_id: 2, body: 'one' }).onConflict('body').merge().returning(['ticket_id', 'body']));
    show('transaction', await knex.transaction(async (t) => {
      const n = await t('tickets').where({ id: 1 }).update({ status: 'waiting' });
      await t.transaction(async (s) => { await s('notes').insert({ ticket_id: 1, body: 'two' }); }).catch((e) => show('nested', e.code));
      await t('tickets').where({ id: 1 }).update({ status: 'open' });
      return n;
    }));
    const t = await knex.transaction({ isolationLevel: 'serializable', readOnly: true });
    show('isolation', (await t.raw('SHOW transaction_isolation')).rows);
    await t.rollback();
    show('pluck', await knex('notes').pluck('body').orderBy('body'));
    show('delete', await knex('notes').whereIn('body', ['one', 'two']).del());
    await refused('hidden table', knex('salaries').select('*'));
    await knex.destroy();
  },

  async sequelize() {
    const { Sequelize, DataTypes, Op } = require('sequelize');
    const s = new Sequelize(uri, { logging: false, pool: { max: 2 } });
    await s.authenticate();
    const q = s.getQueryInterface();
    show('schemas', (await q.showAllSchemas()).map((r) => r.schema_name || r).sort());
    show('tables', (await q.showAllTables()).map((t) => t.tableName || t).sort());
    show('columns', Object.entries(await q.describeTable('tickets')).map(([k, v]) => [k, v.type, v.allowNull, v.primaryKey]).sort());
    show('indexes', (await q.showIndex('tickets')).map((i) => [i.name, i.unique, i.fields.map((f) => f.attribute)]).sort());
    show('foreign keys', (await q.getForeignKeyReferencesForTable('tickets')).map((f) => [f.columnName, f.referencedTableName, f.referencedColumnName]));
    const options = { timestamps: false };
    const Customer = s.define('customer', { name: DataTypes.TEXT, email: DataTypes.TEXT }, { ...options, tableName: 'customers' });
    const Ticket = s.define('ticket', { subject: DataTypes.TEXT, status: DataTypes.TEXT }, { ...options, tableName: 'tickets' });
    const Note = s.define('note', { ticket_id: DataTypes.BIGINT, body: DataTypes.TEXT, tags: DataTypes.ARRAY(DataTypes.TEXT), data: DataTypes.JSONB }, { ...options, tableName: 'notes' });
    Ticket.belongsTo(Customer, { foreignKey: 'customer_id' });
    show('rows', (await Ticket.findAll({ include: Customer, where: { status: { [Op.in]: ['open', 'waiting'] } }, order: ['id'] })).map((t) => [t.subject, t.customer.name, t.customer.email]));
    show('page', (await Ticket.findAndCountAll({ limit: 2, order: [['id', 'DESC']] })).count);
    const note = await Note.create({ ticket_id: 1, body: 'one', tags: ['x'], data: { k: 1 } });
    show('created', [note.body, note.tags, note.data]);
    show('updated', [(await note.update({ body: 'two' })).body, await Note.update({ data: null }, { where: { body: 'two' } })]);
    show('upsert', (await Note.upsert({ ticket_id: 2, body: 'two', tags: [] }, { conflictFields: ['body'] }))[0].ticket_id);
    await refused('transaction', s.transaction({ isolationLevel: 'SERIALIZABLE' }, async (t) => {
      await Ticket.update({ status: 'waiting' }, { where: { id: 2 }, transaction: t });
      await Note.bulkCreate([{ ticket_id: 1, body: 'three', tags: [] }, { ticket_id: 1, body: 'four', tags: [] }], { transaction: t });
      throw new Error('rolls back');
    }));
    show('status', (await Ticket.findByPk(2)).status);
    show('deleted', await Note.destroy({ where: { ticket_id: [1, 2] } }));
    await refused('hidden table', s.query('SELECT * FROM salaries'));
    await s.close();
  },

  async drizzle() {
    const { Pool } = require('pg');
    const { drizzle } = require('drizzle-orm/node-postgres');
    const { pgTable, bigserial, bigint, text, jsonb } = require('drizzle-orm/pg-core');
    const { relations, eq, inArray, sql, desc, count } = require('drizzle-orm');
    const customers = pgTable('customers', { id: bigserial('id', { mode: 'number' }).primaryKey(), name: text('name'), email: text('email') });
    const tickets = pgTable('tickets', { id: bigserial('id', { mode: 'number' }).primaryKey(), customerId: bigint('customer_id', { mode: 'number' }), subject: text('subject'), status: text('status') });
    const notes = pgTable('notes', { id: bigserial('id', { mode: 'number' }).primaryKey(), ticketId: bigint('ticket_id', { mode: 'number' }), body: text('body'), tags: text('tags').array().default([]), data: jsonb('data') });
    const customersRelations = relations(customers, ({ many }) => ({ tickets: many(tickets) }));
    const ticketsRelations = relations(tickets, ({ one }) => ({ customer: one(customers, { fields: [tickets.customerId], references: [customers.id] }) }));
    const pool = new Pool({ connectionString: uri, max: 2 });
    const db = drizzle(pool, { schema: { customers, tickets, notes, customersRelations, ticketsRelations } });
    show('rows', await db.select({ subject: tickets.subject, name: customers.name, email: customers.email }).from(tickets).innerJoin(customers, eq(customers.id, tickets.customerId)).where(inArray(tickets.status, ['open', 'waiting'])).orderBy(desc(tickets.id)));
    show('count', await db.select({ status: tickets.status, n: count() }).from(tickets).groupBy(tickets.status).orderBy(tickets.status));
    // A relational query is one SELECT with lateral joins and json_build_array.
    show('relations', await db.query.customers.findMany({ columns: { name: true, email: true }, with: { tickets: { columns: { subject: true }, orderBy: tickets.id } }, orderBy: customers.name }));
    show('insert', await db.insert(notes).values([{ ticketId: 1, body: 'one', data: { k: 1 } }, { ticketId: 2, body: 'two', tags: ['x'] }]).returning({ body: notes.body, tags: notes.tags, data: notes.data }));
    show('conflict', await db.insert(notes).values({ ticketId: 3, body: 'two' }).onConflictDoUpdate({ target: notes.body, set: { ticketId: sql`excluded.ticket_id` } }).returning({ ticketId: notes.ticketId }));
    await refused('transaction', db.transaction(async (t) => {
      await t.update(tickets).set({ status: 'waiting' }).where(eq(tickets.id, 2));
      await t.transaction(async (s) => { await s.insert(notes).values({ ticketId: 1, body: 'two' }); }).catch((e) => show('nested', (e.cause || e).code));
      show('inside', await t.select({ status: tickets.status }).from(tickets).where(eq(tickets.id, 2)));
      throw new Error('rolls back');
    }, { isolationLevel: 'repeatable read' }));
    const byStatus = db.select().from(tickets).where(eq(tickets.status, sql.placeholder('status'))).orderBy(tickets.id).prepare('by_status');
    show('prepared', [await byStatus.execute({ status: 'open' }), (await byStatus.execute({ status: 'solved' })).length]);
    show('delete', (await db.delete(notes)).rowCount);
    await refused('hidden table', db.execute(sql`SELECT * FROM salaries`));
    await pool.end();
  },
};

clients[name]().catch((e) => {
  console.log(e);
  process.exit(1);
});
