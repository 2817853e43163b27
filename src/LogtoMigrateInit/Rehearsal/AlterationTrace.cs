using System.Text.Json;
using LogtoMigrateInit.Inspections;
using LogtoMigrateInit.PostgreSql;
using Npgsql;

namespace LogtoMigrateInit.Rehearsal;

/// <summary>A lock that a transaction held when it wrote the new state, which is the last thing that an alteration does.</summary>
/// <param name="Relation">The OID of the locked relation, which may be an index.</param>
/// <param name="Mode">As <c>pg_locks</c> names it, such as <c>AccessExclusiveLock</c>.</param>
/// <param name="Table">The name of the table or view before the alteration; null for other relations and for new ones.</param>
internal sealed record TracedLock(string Relation, string Mode, string? Table);

/// <summary>Rows of one table that a session has written.</summary>
internal sealed record TracedRows(string Table, long Inserted, long Updated, long Deleted);

/// <summary>One object of the schema before and after an alteration.</summary>
/// <param name="Id">Its identity in this database.</param>
/// <param name="Before">Null when the alteration created the object.</param>
/// <param name="After">Null when the alteration dropped the object.</param>
internal sealed record TracedChange(string Id, TracedObject? Before, TracedObject? After)
{
    public string Kind => (After ?? Before)!.Kind;
}

/// <summary>An object at one moment.</summary>
/// <param name="Kind">See <see cref="SchemaObject.Kind"/>.</param>
/// <param name="Table">See <see cref="SchemaObject.Table"/>.</param>
/// <param name="Name">See <see cref="SchemaObject.Name"/>.</param>
/// <param name="Definition">See <see cref="SchemaObject.Definition"/>.</param>
/// <param name="File">The number of its file, which changes when PostgreSQL rewrites the object. Null when the object has no file.</param>
internal sealed record TracedObject(string Kind, string? Table, string Name, string Definition, long? File);

/// <summary>The record of the trigger at the end of one alteration's transaction.</summary>
/// <param name="State">The timestamp that was written.</param>
/// <param name="Pid">The server process of the session.</param>
/// <param name="Began">When the transaction began, on the server's clock.</param>
/// <param name="Ended">When the trigger began, which is the end of the alteration's own work.</param>
/// <param name="Resumed">When the trigger ended.</param>
/// <param name="Locks">All locks of the session, except those on PostgreSQL's own relations.</param>
/// <param name="Rows">Rows written since the server last collected the session's counts, perhaps in earlier transactions.</param>
/// <param name="Changes">The differences from the end of the previous alteration.</param>
internal sealed record TracedAlteration(
    double State,
    int Pid,
    DateTime Began,
    DateTime Ended,
    DateTime Resumed,
    IReadOnlyList<TracedLock> Locks,
    IReadOnlyList<TracedRows> Rows,
    IReadOnlyList<TracedChange> Changes);

/// <summary>
/// A trigger on a copy's table <c>systems</c>. Logto writes the timestamp of each alteration into this table, as the last statement of the
/// alteration's transaction (<c>packages/cli/src/commands/database/alteration/index.ts</c>). So the trigger runs while the alteration still
/// holds all its locks, and it needs no superuser.
/// </summary>
internal static class AlterationTrace
{
    private const string Tables = """
        create schema $trace;
        create table $trace.alteration (
          number int generated always as identity primary key,
          pid int not null,
          state text,
          began timestamptz not null,
          ended timestamptz not null,
          resumed timestamptz not null,
          locks jsonb not null,
          rows jsonb not null,
          changes jsonb not null);
        create table $trace.seen (
          kind text,
          id text,
          of_table text,
          name text not null,
          definition text,
          file oid,
          primary key (kind, id));
        """;

    // A new database's catalogue has no statistics, so the planner would guess, and join by nested loops. Turning them off seems expensive
    // to it, which would start the compiler.
    // Reads pg_locks first, because the rest takes locks of its own. Compares the whole catalogue with the last one, because grants and
    // policies leave no lock, and an index that is built outside of the transaction leaves no other trace.
    private const string Function = """
        create function $trace.note() returns trigger language plpgsql
          set search_path = $path set enable_nestloop = off set jit = off as $note$
        declare
          ended timestamptz := clock_timestamp();
          held jsonb;
          written jsonb;
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
          select coalesce(jsonb_agg(jsonb_build_object(
              'table', relid::regclass::text, 'inserted', n_tup_ins, 'updated', n_tup_upd, 'deleted', n_tup_del)), '[]')
            into written
            from pg_stat_xact_user_tables
            where schemaname <> '$trace'
              and n_tup_ins + n_tup_upd + n_tup_del > 0;
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
          insert into $trace.alteration (pid, state, began, ended, resumed, locks, rows, changes)
            select pg_backend_pid(), new.value ->> 'timestamp', transaction_timestamp(), ended, clock_timestamp(),
              (select coalesce(jsonb_agg(h || jsonb_build_object('table', s.name)), '[]')
                from jsonb_array_elements(held) h
                left join $trace.seen s
                  on s.kind in ('table', 'view', 'materialized view', 'foreign table')
                  and s.id = h ->> 'relation'),
              written, changed;
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

    private const string Read = $"""
        select state::float8, pid, began, ended, resumed, locks::text, rows::text, changes::text
          from {SchemaObjects.TraceSchema}.alteration
          order by number
        """;

    /// <summary>Creates the trace and starts it.</summary>
    /// <param name="connection">To the copy, as the owner of its tables.</param>
    /// <param name="schema">Logto's.</param>
    /// <exception cref="PostgresException">The server refused.</exception>
    public static async Task InstallAsync(NpgsqlConnection connection, string schema, CancellationToken cancellationToken)
    {
        var path = SchemaObjects.SearchPath(schema);
        var sql = $"{Tables}\n{Function}\n{Start}"
            .Replace("$query", SchemaObjects.Query(schema, withSql: false), StringComparison.Ordinal)
            .Replace("$trace", SchemaObjects.TraceSchema, StringComparison.Ordinal)
            .Replace("$path", path, StringComparison.Ordinal)
            .Replace("$systems", $"{SqlNames.Quote(schema)}.systems", StringComparison.Ordinal);
        await using var command = new NpgsqlCommand($"set search_path = {path}; {sql}", connection) { CommandTimeout = 0 };
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    /// <summary>Reads the records of the trace, in order. An alteration that failed has left none.</summary>
    public static async Task<IReadOnlyList<TracedAlteration>> ReadAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(Read, connection);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var alterations = new List<TracedAlteration>();
        while (await reader.ReadAsync(cancellationToken))
        {
            alterations.Add(new TracedAlteration(
                reader.GetDouble(0), reader.GetInt32(1), reader.GetDateTime(2), reader.GetDateTime(3), reader.GetDateTime(4),
                ReadArray(reader.GetString(5), held => new TracedLock(Text(held, "relation")!, Text(held, "mode")!, Text(held, "table"))),
                ReadArray(reader.GetString(6), rows => new TracedRows(
                    Text(rows, "table")!,
                    rows.GetProperty("inserted").GetInt64(),
                    rows.GetProperty("updated").GetInt64(),
                    rows.GetProperty("deleted").GetInt64())),
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

    /// <returns>The text, or the digits of a number; null for JSON's null.</returns>
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
