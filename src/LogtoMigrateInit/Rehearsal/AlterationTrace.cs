using System.Text.Json;
using LogtoMigrateInit.Inspections;
using LogtoMigrateInit.PostgreSql;
using Npgsql;

namespace LogtoMigrateInit.Rehearsal;

/// <summary>A lock that a transaction held when it wrote the new state, which is the last thing that an alteration does.</summary>
/// <param name="Relation">The OID of what is locked, an index for example.</param>
/// <param name="Mode">As <c>pg_locks</c> names it, such as <c>AccessExclusiveLock</c>.</param>
/// <param name="Table">The table's or view's name before the alteration; null for what is neither, or was not there before.</param>
internal sealed record TracedLock(string Relation, string Mode, string? Table);

/// <summary>Rows of one table that a session has written.</summary>
internal sealed record TracedRows(string Table, long Inserted, long Updated, long Deleted);

/// <summary>What became of one object of the schema between two alterations.</summary>
/// <param name="Id">Its identity in this database.</param>
/// <param name="Before">Null when it was not there before.</param>
/// <param name="After">Null when it is not there any more.</param>
internal sealed record TracedChange(string Id, TracedObject? Before, TracedObject? After)
{
    public string Kind => (After ?? Before)!.Kind;
}

/// <summary>An object at one moment.</summary>
/// <param name="Kind">See <see cref="SchemaObject.Kind"/>.</param>
/// <param name="Table">See <see cref="SchemaObject.Table"/>.</param>
/// <param name="Name">See <see cref="SchemaObject.Name"/>.</param>
/// <param name="Definition">See <see cref="SchemaObject.Definition"/>.</param>
/// <param name="File">The number of the file that holds it; another one when it was written anew. Null for what has no file.</param>
internal sealed record TracedObject(string Kind, string? Table, string Name, string Definition, long? File);

/// <summary>What the trigger saw at the end of one alteration's transaction.</summary>
/// <param name="State">The timestamp that was written.</param>
/// <param name="Pid">The server process of the session.</param>
/// <param name="Began">When the transaction began, on the server's clock.</param>
/// <param name="Ended">When it had done its work.</param>
/// <param name="Resumed">When the trigger was done.</param>
/// <param name="Locks">All that it held on relations that are not PostgreSQL's own.</param>
/// <param name="Rows">What the session had written since the server last collected its statistics, perhaps in earlier transactions too.</param>
/// <param name="Changes">What differs from the end of the alteration before.</param>
internal sealed record TracedAlteration(
    double State, int Pid, DateTime Began, DateTime Ended, DateTime Resumed, IReadOnlyList<TracedLock> Locks, IReadOnlyList<TracedRows> Rows, IReadOnlyList<TracedChange> Changes);

/// <summary>
/// A trigger on a copy's table <c>systems</c>, into which Logto writes the timestamp of each alteration last and in the alteration's own
/// transaction (<c>packages/cli/src/commands/database/alteration/index.ts</c>): so it runs while all locks are held, and needs no superuser.
/// </summary>
internal static class AlterationTrace
{
    // The catalogue is compared with what it was at the last firing, for grants and policies leave no lock, and what is built outside of a
    // transaction is seen by nothing else. pg_locks is read first: the rest takes locks of its own.
    private const string Template = """
        create schema $trace;
        create table $trace.alteration (number int generated always as identity primary key, pid int not null, state text, began timestamptz not null, ended timestamptz not null,
          resumed timestamptz not null, locks jsonb not null, rows jsonb not null, changes jsonb not null);
        create table $trace.seen (kind text, id text, of_table text, name text not null, definition text, file oid, primary key (kind, id));
        create function $trace.note() returns trigger language plpgsql set search_path = $path as $note$
        declare
          ended timestamptz := clock_timestamp();
          held jsonb;
          written jsonb;
          changed jsonb;
        begin
          select coalesce(jsonb_agg(jsonb_build_object('relation', relation::text, 'mode', mode)), '[]') into held
            from pg_locks
            where pid = pg_backend_pid() and locktype = 'relation' and granted and relation >= 16384 and database = (select oid from pg_database where datname = current_database());
          select coalesce(jsonb_agg(jsonb_build_object('table', relid::regclass::text, 'inserted', n_tup_ins, 'updated', n_tup_upd, 'deleted', n_tup_del)), '[]') into written
            from pg_stat_xact_user_tables where schemaname <> '$trace' and n_tup_ins + n_tup_upd + n_tup_del > 0;
          with present as materialized ($query),
          change as (
            select kind, id, s.id is not null as was, n.id is not null as stays, s.of_table as former_table, n.of_table, s.name as former_name, n.name, s.definition as former_definition, n.definition, s.file as former_file, n.file
              from present n full join $trace.seen s using (kind, id)
              where s.id is null or n.id is null or (s.name, s.definition, s.file) is distinct from (n.name, n.definition, n.file))
          select coalesce(jsonb_agg(to_jsonb(c)), '[]') into changed from change c;
          insert into $trace.alteration (pid, state, began, ended, resumed, locks, rows, changes)
            select pg_backend_pid(), new.value ->> 'timestamp', transaction_timestamp(), ended, clock_timestamp(),
              (select coalesce(jsonb_agg(h || jsonb_build_object('table', s.name)), '[]')
                from jsonb_array_elements(held) h left join $trace.seen s on s.kind in ('table', 'view', 'materialized view', 'foreign table') and s.id = h ->> 'relation'),
              written, changed;
          delete from $trace.seen s using jsonb_to_recordset(changed) c(kind text, id text) where s.kind = c.kind and s.id = c.id;
          insert into $trace.seen (kind, id, of_table, name, definition, file)
            select kind, id, of_table, name, definition, file
              from jsonb_to_recordset(changed) c(kind text, id text, of_table text, name text, definition text, file oid, stays boolean) where stays;
          return null;
        end $note$;
        insert into $trace.seen select kind, id, of_table, name, definition, file from ($query) q;
        analyze $trace.seen;
        create trigger $trace after insert or update on $systems for each row when (new.key = 'alterationState') execute function $trace.note();
        """;

    private const string Read = $"select state::float8, pid, began, ended, resumed, locks::text, rows::text, changes::text from {SchemaObjects.TraceSchema}.alteration order by number";

    /// <summary>Begins to trace.</summary>
    /// <param name="connection">To the copy, as the owner of its tables.</param>
    /// <param name="schema">Logto's.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <exception cref="PostgresException">The server refused.</exception>
    public static async Task InstallAsync(NpgsqlConnection connection, string schema, CancellationToken cancellationToken)
    {
        var path = SchemaObjects.SearchPath(schema);
        var sql = Template
            .Replace("$query", SchemaObjects.Query(schema, withSql: false), StringComparison.Ordinal)
            .Replace("$trace", SchemaObjects.TraceSchema, StringComparison.Ordinal)
            .Replace("$path", path, StringComparison.Ordinal)
            .Replace("$systems", $"{SqlNames.Quote(schema)}.systems", StringComparison.Ordinal);
        await using var command = new NpgsqlCommand($"set search_path = {path}; {sql}", connection) { CommandTimeout = 0 };
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    /// <summary>What was traced, in order. An alteration that failed has left nothing.</summary>
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
                    Text(rows, "table")!, rows.GetProperty("inserted").GetInt64(), rows.GetProperty("updated").GetInt64(), rows.GetProperty("deleted").GetInt64())),
                ReadArray(reader.GetString(7), ReadChange)));
        }

        return alterations;
    }

    private static TracedChange ReadChange(JsonElement change) => new(
        Text(change, "id")!,
        change.GetProperty("was").GetBoolean() ? ReadObject(change, "former_") : null,
        change.GetProperty("stays").GetBoolean() ? ReadObject(change, "") : null);

    private static TracedObject ReadObject(JsonElement change, string prefix) => new(
        Text(change, "kind")!, Text(change, $"{prefix}{(prefix.Length == 0 ? "of_table" : "table")}"), Text(change, $"{prefix}name")!, Text(change, $"{prefix}definition") ?? "",
        Text(change, $"{prefix}file") is { } file ? long.Parse(file, null) : null);

    /// <returns>Null for a null; a number as its digits.</returns>
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
