// Stands in for Logto's core: its start-up precondition, then a process that stays. Core ends with 0 when it refuses to start, so this does too.
import { getAvailableAlterations } from '@logto/cli/lib/commands/database/alteration/index.js';
import { createPool, sql } from '@silverhand/slonik';
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
createServer((_, response) => response.writeHead(204).end()).listen(3001, () => console.log('Logto started'));
