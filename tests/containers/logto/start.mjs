// Stands in for Logto's core: its start-up precondition, then a process that stays and answers as each tenant's own role. Core ends with 0 when it
// refuses to start, so this does too.
import { getAvailableAlterations } from '@logto/cli/lib/commands/database/alteration/index.js';
import { createPool, parseDsn, sql, stringifyDsn } from '@silverhand/slonik';
import { createServer } from 'node:http';

const refuse = (reason) => {
  console.error(`pre      error ${reason}`);
  process.exit(0);
};

process.on('SIGTERM', () => process.exit(143));

try {
  const pool = await createPool(process.env.DB_URL);
  const pending = await getAvailableAlterations(pool);
  if (pending.length > 0) {
    refuse(`Found undeployed database alterations, ${pending.length} of them`);
  }
  const { rows } = await pool.query(sql`
    select tablename from pg_catalog.pg_tables
    where schemaname = current_schema() and rowsecurity = false and tablename not in ('systems', 'service_logs')`);
  if (rows.length > 0) {
    refuse(`Found tables without row-level security: ${rows.map(({ tablename }) => tablename).join(', ')}`);
  }
  await pool.end();
} catch (error) {
  refuse(error);
}

const { DB_URL: url, PORT: port = '3001', ADMIN_PORT: adminPort = '3002' } = process.env;

const first = async (dsn, query) => {
  const pool = await createPool(dsn);
  try {
    return (await pool.query(query)).rows[0];
  } finally {
    await pool.end();
  }
};

const answer = (tenant) => async (request, response) => {
  try {
    const role = await first(url, sql`select db_user, db_user_password from tenants where id = ${tenant}`);
    const dsn = stringifyDsn({ ...parseDsn(url), username: role.db_user, password: role.db_user_password });
    const keys = await first(dsn, sql`select value->0->>'id' as id from logto_configs where key = 'oidc.privateKeys'`);
    const isStatus = request.url === '/api/status';
    response.writeHead(isStatus ? 204 : 200);
    response.end(isStatus ? '' : JSON.stringify({ issuer: `http://${request.headers.host}/oidc`, keys: [{ kid: keys.id }] }));
  } catch (error) {
    console.error('tenant   error Failed to create tenant:', tenant, error);
    response.writeHead(500).end();
  }
};

createServer(answer('admin')).listen(Number(adminPort));
createServer(answer('default')).listen(Number(port), () => console.log('Logto started'));
