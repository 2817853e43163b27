using System.Text.Json;
using LogtoMigrateInit.Inspections;
using LogtoMigrateInit.PostgreSql;
using Npgsql;

namespace LogtoMigrateInit.Rehearsal;

/// <summary>A lock that a transaction held when it wrote the new state, which is the last step of an alteration.</summary>
/// <param name="Relation">The OID of the locked relation, which may be an index.</param>
/// <param name="Mode">The mode in <c>pg_locks</c>, such as <c>AccessExclusiveLock</c>.</param>
/// <param name="Table">The name of the table or view before the alteration; null for other relations and for new ones.</param>
internal sealed record TracedLock(string Relation, string Mode, string? Table);

/// <summary>The rows of one table that the session wrote since its previous record, including steps that were rolled back.</summary>
internal sealed record TracedRows(string Table, long Inserted, long Updated, long Deleted);

/// <summary>A table that an alteration emptied with <c>truncate</c>.</summary>
/// <param name="Id">The OID of the table.</param>
/// <param name="Table">The name before the alteration.</param>
internal sealed record TracedTruncation(string Id, string Table);

/// <summary>One object of the schema before and after an alteration.</summary>
/// <param name="Id">The identity of the object in this database.</param>
/// <param name="Before">Null when the alteration created the object.</param>
/// <param name="After">Null when the alteration dropped the object.</param>
internal sealed record TracedChange(string Id, TracedObject? Before, TracedObject? After)
{
    public string Kind => (After ?? Before)!.Kind;
}

/// <summary>An object at one moment, with properties as in <see cref="SchemaObject"/>.</summary>
/// <param name="File">The number of the object's file. It changes when PostgreSQL rewrites the object. Null when it has no file.</param>
internal sealed record TracedObject(string Kind, string? Table, string Name, string Definition, long? File);

/// <summary>The record of the trigger at the end of one alteration's transaction.</summary>
/// <param name="State">The timestamp that the alteration wrote.</param>
/// <param name="Began">The start of the transaction, on the server's clock.</param>
/// <param name="Ended">The start of the trigger, which is the end of the alteration's own work.</param>
/// <param name="Resumed">The end of the trigger.</param>
/// <param name="Locks">All locks of the session, except those on PostgreSQL's own relations.</param>
/// <param name="Rows">The rows that the alteration wrote, including the row of the state.</param>
/// <param name="Truncated">The tables that existed before the trace and that the alteration emptied.</param>
/// <param name="Changes">The changes since the end of the previous alteration.</param>
internal sealed record TracedAlteration(
    double State,
    DateTime Began,
    DateTime Ended,
    DateTime Resumed,
    IReadOnlyList<TracedLock> Locks,
    IReadOnlyList<TracedRows> Rows,
    IReadOnlyList<TracedTruncation> Truncated,
    IReadOnlyList<TracedChange> Changes);

/// <summary>
/// Records the work of each alteration with a trigger on the copy's table <c>systems</c>. Logto writes the timestamp of each alteration
/// into this table, as the last statement of the alteration's transaction (<c>packages/cli/src/commands/database/alteration/index.ts</c>).
/// So the trigger runs while the alteration still holds all its locks. It needs no superuser.
/// </summary>
internal static class AlterationTrace
{
    private const string Tables = """
        create schema $trace;
        create table $trace.alteration (
          number int generated always as identity primary key,
          state text,
          began timestamptz not null,
          ended timestamptz not null,
          resumed timestamptz not null,
          locks jsonb not null,
          rows jsonb not null,
          truncated jsonb not null,
          changes jsonb not null);
        create table $trace.counted (pid int, relid oid, inserted bigint, updated bigint, deleted bigint);
        create table $trace.truncated (relid oid);
        create table $trace.seen (
          kind text,
          id text,
          of_table text,
          name text not null,
          definition text,
          file oid,
          primary key (kind, id));
        """;

    // The function reads pg_locks first, because the rest takes more locks. The server adds up a session's row counts until it collects
    // them, perhaps some transactions later. A count of the trace's own rows shows that it has not collected them since the previous
    // record. The function compares the whole catalog with the previous one, because grants and policies leave no lock, and an index that
    // is built outside the transaction leaves no other trace. The catalog of a new database has no statistics, so the planner would choose
    // nested loops. Without nested loops a plan seems expensive and would start the JIT compiler. So both are off.
    private const string Function = """
        create function $trace.note() returns trigger language plpgsql
          set search_path = $path set enable_nestloop = off set jit = off as $note$
        declare
          ended timestamptz := clock_timestamp();
          held jsonb;
          is_counted boolean;
          written jsonb;
          emptied jsonb;
          changed jsonb;
        begin
          select coalesce(jsonb_agg(jsonb_build_object('relation', relation::text, 'mode', mode)), '[]')
            into held
            from pg_locks
            where pid = pg_backend_pid()
              and locktype = 'relation'
              and granted
              and relation >= 16384
              and database = (select oid from pg_database where datname = current_database());
          select coalesce((select n_tup_ins > 0 from pg_stat_xact_user_tables where relid = '$trace.alteration'::regclass), false)
            into is_counted;
          select coalesce(jsonb_agg(jsonb_build_object(
              'table', t.relid::regclass::text, 'inserted', i, 'updated', u, 'deleted', d)), '[]')
            into written
            from pg_stat_xact_user_tables t
            left join $trace.counted c on is_counted and c.pid = pg_backend_pid() and c.relid = t.relid,
            lateral (
              select n_tup_ins - coalesce(inserted, 0) as i,
                n_tup_upd - coalesce(updated, 0) as u,
                n_tup_del - coalesce(deleted, 0) as d) own
            where schemaname <> '$trace'
              and (i > 0 or u > 0 or d > 0);
          delete from $trace.counted where pid = pg_backend_pid();
          insert into $trace.counted
            select pg_backend_pid(), relid, n_tup_ins, n_tup_upd, n_tup_del
              from pg_stat_xact_user_tables
              where n_tup_ins + n_tup_upd + n_tup_del > 0;
          select coalesce(jsonb_agg(distinct jsonb_build_object('id', s.id, 'table', s.name)), '[]')
            into emptied
            from $trace.truncated t
            join $trace.seen s on s.kind = 'table' and s.id = t.relid::text;
          delete from $trace.truncated;
          with present as materialized ($query),
          change as (
            select kind, id, s.id is not null as was, n.id is not null as stays,
                s.of_table as former_table, n.of_table,
                s.name as former_name, n.name,
                s.definition as former_definition, n.definition,
                s.file as former_file, n.file
              from present n
              full join $trace.seen s using (kind, id)
              where s.id is null
                or n.id is null
                or (s.name, s.definition, s.file) is distinct from (n.name, n.definition, n.file))
          select coalesce(jsonb_agg(to_jsonb(c)), '[]')
            into changed
            from change c;
          insert into $trace.alteration (state, began, ended, resumed, locks, rows, truncated, changes)
            select new.value ->> 'timestamp', transaction_timestamp(), ended, clock_timestamp(),
              (select coalesce(jsonb_agg(h || jsonb_build_object('table', s.name)), '[]')
                from jsonb_array_elements(held) h
                left join $trace.seen s
                  on s.kind in ('table', 'view', 'materialized view', 'foreign table')
                  and s.id = h ->> 'relation'),
              written, emptied, changed;
          delete from $trace.seen s
            using jsonb_to_recordset(changed) c(kind text, id text)
            where s.kind = c.kind
              and s.id = c.id;
          insert into $trace.seen (kind, id, of_table, name, definition, file)
            select kind, id, of_table, name, definition, file
              from jsonb_to_recordset(changed) c(
                kind text, id text, of_table text, name text, definition text, file oid, stays boolean)
              where stays;
          return null;
        end $note$;
        create function $trace.note_truncation() returns trigger language plpgsql as $note$
        begin
          insert into $trace.truncated values (tg_relid);
          return null;
        end $note$;
        """;

    private const string Start = """
        insert into $trace.seen
          select kind, id, of_table, name, definition, file
            from ($query) q;
        analyze $trace.seen;
        create trigger $trace
          after insert or update on $systems
          for each row
          when (new.key = 'alterationState')
          execute function $trace.note();
        """;

    // Triggers are necessary, because neither counts nor file numbers distinguish a truncated table from a rewritten one. The loop commits
    // now and then, because one transaction for all tables could need more locks than the server has.
    private const string WatchTruncation = """
        do $each$
        declare
          number int := 0;
          name text;
        begin
          for name in
            select q.name
              from $trace.seen q
              join pg_class c on c.oid::text = q.id
              where q.kind = 'table'
                and c.relkind in ('r', 'p')
          loop
            execute format('create trigger $trace_truncate after truncate on %s execute function $trace.note_truncation()', name);
            execute format('alter table %s enable always trigger $trace_truncate', name);
            number := number + 1;
            if number % 100 = 0 then
              commit;
            end if;
          end loop;
        end $each$
        """;

    private const string Read = $"""
        select state::float8, began, ended, resumed, locks::text, rows::text, truncated::text, changes::text
          from {SchemaObjects.TraceSchema}.alteration
          order by number
        """;

    /// <summary>Creates the trace in the copy and starts it.</summary>
    /// <param name="connection">A connection to the copy, as the owner of its tables.</param>
    /// <param name="schema">Logto's schema.</param>
    /// <exception cref="PostgresException">The server refused.</exception>
    public static async Task InstallAsync(NpgsqlConnection connection, string schema, CancellationToken cancellationToken)
    {
        var path = SchemaObjects.SearchPath(schema);
        foreach (var sql in new[] { $"set search_path = {path}; {Tables}\n{Function}\n{Start}", WatchTruncation })
        {
            var statements = sql
                .Replace("$query", SchemaObjects.Query(schema, withSql: false), StringComparison.Ordinal)
                .Replace("$trace", SchemaObjects.TraceSchema, StringComparison.Ordinal)
                .Replace("$path", path, StringComparison.Ordinal)
                .Replace("$systems", $"{SqlNames.Quote(schema)}.systems", StringComparison.Ordinal);
            await using var command = new NpgsqlCommand(statements, connection) { CommandTimeout = 0 };
            await command.ExecuteNonQueryAsync(cancellationToken);
        }
    }

    /// <summary>Reads the records of the trace, in order. A failed alteration has no record.</summary>
    public static async Task<IReadOnlyList<TracedAlteration>> ReadAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(Read, connection);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var alterations = new List<TracedAlteration>();
        while (await reader.ReadAsync(cancellationToken))
        {
            alterations.Add(new TracedAlteration(
                reader.GetDouble(0), reader.GetDateTime(1), reader.GetDateTime(2), reader.GetDateTime(3),
                ReadArray(reader.GetString(4), held => new TracedLock(Text(held, "relation")!, Text(held, "mode")!, Text(held, "table"))),
                ReadArray(reader.GetString(5), rows => new TracedRows(
                    Text(rows, "table")!,
                    rows.GetProperty("inserted").GetInt64(),
                    rows.GetProperty("updated").GetInt64(),
                    rows.GetProperty("deleted").GetInt64())),
                ReadArray(reader.GetString(6), truncated => new TracedTruncation(Text(truncated, "id")!, Text(truncated, "table")!)),
                ReadArray(reader.GetString(7), ReadChange)));
        }

        return alterations;
    }

    private static TracedChange ReadChange(JsonElement change) => new(
        Text(change, "id")!,
        change.GetProperty("was").GetBoolean() ? ReadObject(change, "former_") : null,
        change.GetProperty("stays").GetBoolean() ? ReadObject(change, "") : null);

    private static TracedObject ReadObject(JsonElement change, string prefix) => new(
        Text(change, "kind")!,
        Text(change, prefix.Length == 0 ? "of_table" : $"{prefix}table"),
        Text(change, $"{prefix}name")!,
        Text(change, $"{prefix}definition") ?? "",
        Text(change, $"{prefix}file") is { } file ? long.Parse(file, null) : null);

    /// <returns>The text, or a number as text; null for JSON's null.</returns>
    private static string? Text(JsonElement element, string name) => element.GetProperty(name) switch
    {
        { ValueKind: JsonValueKind.String } text => text.GetString(),
        { ValueKind: JsonValueKind.Null } => null,
        var other => other.GetRawText(),
    };

    private static T[] ReadArray<T>(string json, Func<JsonElement, T> read)
    {
        using var document = JsonDocument.Parse(json);
        return [.. document.RootElement.EnumerateArray().Select(read)];
    }
}
