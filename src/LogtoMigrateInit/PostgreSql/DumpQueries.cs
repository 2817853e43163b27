using System.Buffers.Binary;
using System.Globalization;
using System.Security.Cryptography;
using Npgsql;

namespace LogtoMigrateInit.PostgreSql;

/// <summary>The identity of the database that a connection reached.</summary>
/// <param name="ServerVersion">PostgreSQL's <c>server_version_num</c>.</param>
/// <param name="Database">The OID of the database.</param>
/// <param name="Cluster">PostgreSQL's <c>system_identifier</c>; null when the user may not see it.</param>
/// <param name="BehindPooler">Whether the connection goes through a pooler.</param>
/// <param name="Bytes">The size of the database on the server's disk.</param>
internal sealed record ServerIdentity(int ServerVersion, uint Database, string? Cluster, bool BehindPooler, long Bytes);

/// <summary>Queries before a dump, a restore or a copy.</summary>
internal static class DumpQueries
{
    private const string Identity = """
        select current_setting('server_version_num')::int, oid::bigint, pg_backend_pid() <> $1, pg_database_size(oid)
        from pg_catalog.pg_database
        where datname = current_database()
        """;

    // https://www.postgresql.org/docs/current/functions-info.html#FUNCTIONS-INFO-CONTROLDATA
    private const string Cluster = "select system_identifier::text from pg_catalog.pg_control_system()";

    // pg_dump locks each table, which needs SELECT, and reads sequences. It sets row_security to off, so that a policy that would hide rows
    // is an error. Policies do not apply to an owner, unless they are forced.
    private const string Undumpable = """
        with me as (
          select rolsuper, rolsuper or rolbypassrls as sees_all
          from pg_catalog.pg_roles
          where rolname = current_user)
        select name || ': ' || problem
        from (
          select format('%I.%I', n.nspname, c.relname) as name,
            case
              when not has_schema_privilege(n.oid, 'USAGE')
                then format(
                  'no right to use its schema, which %I owns (`grant usage on schema %I to %I`)', o.rolname, n.nspname, current_user)
              when not has_table_privilege(c.oid, 'SELECT') then 'no right to read it'
              when c.relrowsecurity and not me.sees_all and not pg_has_role(c.relowner, 'USAGE')
                then 'row-level security hides rows of it'
              when c.relrowsecurity and not me.sees_all and c.relforcerowsecurity
                then 'row-level security is forced on its owner'
            end as problem
          from me, pg_catalog.pg_class c
          join pg_catalog.pg_namespace n on n.oid = c.relnamespace
          join pg_catalog.pg_roles o on o.oid = n.nspowner
          where c.relkind in ('r', 'p', 'S')
            and c.relpersistence <> 't'
            and n.nspname !~ '^pg_'
            and n.nspname <> 'information_schema'
            and not exists (
              select from pg_catalog.pg_depend d
              where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e'
                and not exists (select from pg_catalog.pg_extension x where x.oid = d.refobjid and c.oid = any (x.extconfig)))
          union all
          select format('large object %s', m.oid), 'no right to read it'
          from me, pg_catalog.pg_largeobject_metadata m
          where not me.rolsuper
            and not pg_has_role(m.lomowner, 'USAGE')
            and not exists (
              select from aclexplode(m.lomacl) a
              where a.privilege_type = 'SELECT' and (a.grantee = 0 or pg_has_role(a.grantee, 'USAGE')))) as found
        where problem is not null
        order by 1
        """;

    private const string SeesLock = """
        select exists (
          select from pg_catalog.pg_locks
          where locktype = 'advisory' and objsubid = 1 and classid::bigint = $1 and objid::bigint = $2
            and database = (select oid from pg_catalog.pg_database where datname = current_database()))
        """;

    public static async Task<ServerIdentity> ReadIdentityAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(Identity, connection)
        {
            Parameters = { new() { Value = connection.ProcessID } },
        };
        ServerIdentity identity;
        await using (var reader = await command.ExecuteReaderAsync(cancellationToken))
        {
            await reader.ReadAsync(cancellationToken);
            identity = new ServerIdentity(reader.GetInt32(0), (uint)reader.GetInt64(1), null, reader.GetBoolean(2), reader.GetInt64(3));
        }

        return identity with { Cluster = await ReadClusterAsync(connection, cancellationToken) };
    }

    /// <summary>
    /// Whether two connections lead to the same database: one takes an advisory lock, and the other looks for it. The identifiers of the
    /// server and the database are not enough, because a copy of a data directory has the same, and they may be hidden.
    /// </summary>
    public static async Task<bool> IsTheSameAsync(NpgsqlConnection one, NpgsqlConnection other, CancellationToken cancellationToken)
    {
        var key = BinaryPrimitives.ReadInt64BigEndian(RandomNumberGenerator.GetBytes(sizeof(long)));
        await using var transaction = await one.BeginTransactionAsync(cancellationToken); // behind a pooler a session lock may stay
        await using var take = new NpgsqlCommand("select pg_advisory_xact_lock($1)", one, transaction);
        take.Parameters.Add(new NpgsqlParameter { Value = key });
        await take.ExecuteNonQueryAsync(cancellationToken);
        await using var look = new NpgsqlCommand(SeesLock, other)
        {
            Parameters = { new() { Value = (long)(uint)(key >> 32) }, new() { Value = (long)(uint)key } },
        };
        return (bool)(await look.ExecuteScalarAsync(cancellationToken))!;
    }

    /// <summary>Returns a phrase with the reason for each object that this user cannot dump.</summary>
    public static async Task<IReadOnlyList<string>> ReadUndumpableAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(Undumpable, connection);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        return await reader.ReadNamesAsync(cancellationToken);
    }

    private static async Task<string?> ReadClusterAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        try
        {
            await using var command = new NpgsqlCommand(Cluster, connection);
            return Convert.ToString(await command.ExecuteScalarAsync(cancellationToken), CultureInfo.InvariantCulture);
        }
        catch (PostgresException closed) when (closed.SqlState == PostgresErrorCodes.InsufficientPrivilege)
        {
            return null;
        }
    }
}
