// node_client.js URI: what node's pg does with shop.sql's items, as a transcript that is the same on every connection.
'use strict';
const { Client, Pool, Query } = require('pg');

const uri = process.argv[2];

function show(what, value = '') {
  console.log(`${what}: ${typeof value === 'string' ? value : JSON.stringify(value)}`);
}

async function refused(what, promise) {
  try {
    await promise;
    show(what, 'no error');
  } catch (e) {
    const { severity, code, message, detail, hint, position, table, constraint, routine } = e;
    show(what, { severity, code, message, detail, hint, position, table, constraint, routine });
  }
}

async function connected(options = {}) {
  const client = new Client({ connectionString: uri, ...options });
  await client.connect();
  return client;
}

async function basics(c) {
  const notices = [];
  c.on('notice', (n) => notices.push([n.severity, n.code, n.message]));
  show('same process', (await c.query('SELECT pg_backend_pid() AS pid')).rows[0].pid === c.processID);
  const inserted = await c.query('INSERT INTO items (name, price, data, tags, made, raw) VALUES ($1, $2, $3, $4, $5, $6) RETURNING name, price, data, tags, made, raw',
    ['zwölf', '1.50', { k: [1, null] }, ['a', 'b'], new Date(0), Buffer.from([0, 255])]);
  show('insert', [inserted.command, inserted.rowCount, inserted.rows, inserted.fields.map((f) => [f.name, f.dataTypeID, f.format])]);
  const several = await c.query("SELECT 1 AS a; UPDATE items SET price = 2; SELECT 'x' AS b, 'y' AS b; SELECT 1 WHERE false");
  show('several', several.map((r) => [r.command, r.rowCount, r.rows]));
  show('arrays', (await c.query({ text: 'SELECT name, price FROM items', rowMode: 'array' })).rows);
  show('binary', (await c.query({ text: 'SELECT 1::int AS a, 2::bigint AS b, true AS c', binary: true })).rows);
  show('empty', (await c.query('')).command);
  await c.query("SELECT say('careful')");
  show('notices', notices);
}

async function errors(c) {
  await refused('syntax', c.query('SELEC 1'));
  await refused('value', c.query('SELECT $1::int', ['abc']));
  await refused('unique', c.query("INSERT INTO items (name) VALUES ('zwölf')"));
  await refused('check', c.query("INSERT INTO items (id, name, price) VALUES (-1, 'ä', $1)", [-1]));
  await refused('several', c.query('SELECT 1; SELECT 1/0; SELECT 2'));
  await c.query('BEGIN');
  await refused('fails', c.query('SELECT 1/0'));
  await refused('failed transaction', c.query('SELECT $1::int', [1]));
  show('ends', (await c.query('COMMIT')).command);
}

async function prepared(c) {
  for (let i = 0; i < 3; i++) {
    show('named', (await c.query({ name: 'twice', text: 'SELECT $1::int * 2 AS n', values: [i] })).rows);
  }
  await refused('named that fails', c.query({ name: 'bad', text: 'SELECT 1 / $1::int AS n', values: [0] }));
  show('and works', (await c.query({ name: 'bad', text: 'SELECT 1 / $1::int AS n', values: [1] })).rows);
  await c.query('DEALLOCATE ALL');
  await refused('deallocated behind its back', c.query({ name: 'twice', text: 'SELECT $1::int * 2 AS n', values: [9] }));
  // Not waited for one by one: the client queues them.
  show('queued', (await Promise.all([...Array(50).keys()].map((i) => c.query('SELECT $1::int AS i', [i])))).map((r) => r.rows[0].i));
}

async function portals(c) {
  // Three rows an Execute: the portal is suspended time after time.
  const rows = [];
  await new Promise((resolve, reject) => {
    const query = new Query({ text: 'SELECT generate_series(1, $1::int) AS g', values: [10], rows: 3 });
    query.on('row', (row) => rows.push(row.g));
    query.on('end', resolve);
    query.on('error', reject);
    c.query(query);
  });
  show('suspended', rows);
  show('usable', (await c.query('SELECT 1 AS one')).rows);
}

async function notifications(c) {
  const other = await connected();
  await c.query('LISTEN news');
  const heard = new Promise((resolve) => c.once('notification', resolve));
  await other.query("NOTIFY news, 'a payload'");
  const n = await heard;
  show('heard', [n.channel, n.payload, n.processId === other.processID]);
  await other.end();
}

async function cancels() {
  for (let i = 0; i < 2; i++) {
    const c = await connected();
    const query = new Query('SELECT pg_sleep(60)');
    const done = new Promise((resolve, reject) => { query.on('end', resolve); query.on('error', reject); });
    c.query(query);
    setTimeout(() => new Client({ connectionString: uri }).cancel(c, query), 300);
    await refused('cancelled', done);
    show('usable', (await c.query('SELECT 1 AS one')).rows);
    await c.end();
  }
}

async function pools() {
  const pool = new Pool({ connectionString: uri, max: 4 });
  const results = await Promise.all([...Array(40).keys()].map((i) => pool.query('SELECT $1::int AS i', [i])));
  show('pool', results.map((r) => r.rows[0].i));
  await pool.end();
  const c = await connected({ statement_timeout: 100 });
  show('settings', (await c.query("SELECT current_setting('statement_timeout') AS t")).rows);
  await refused('times out', c.query('SELECT pg_sleep(10)'));
  await c.end();
}

async function large(c) {
  const value = '0123456789'.repeat(500000);
  show('there and back', (await c.query('SELECT $1::text AS v', [value])).rows[0].v === value);
  show('rows', (await c.query("SELECT repeat('x', 1000) AS x FROM generate_series(1, 5000)")).rows.reduce((n, r) => n + r.x.length, 0));
  show('deleted', (await c.query('DELETE FROM items')).rowCount);
}

(async () => {
  const c = await connected();
  for (const part of [basics, errors, prepared, portals, notifications, cancels, pools, large]) {
    console.log('==', part.name);
    await part(c);
  }
  await c.end();
})().catch((e) => {
  console.error(e);
  process.exit(1);
});
