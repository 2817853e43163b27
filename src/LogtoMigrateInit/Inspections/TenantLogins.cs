using LogtoMigrateInit.PostgreSql;
using LogtoMigrateInit.Reporting;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace LogtoMigrateInit.Inspections;

/// <summary>A role of Logto's that could not do what core does as it.</summary>
/// <param name="Role">Its name.</param>
/// <param name="Reason">The server's words.</param>
/// <param name="IsPassword">The password in the table is not the role's.</param>
/// <param name="IsRight">The role may not log in, or may not read.</param>
internal sealed record FailedLogin(string Role, string Reason, bool IsPassword, bool IsRight);

/// <summary>
/// Logs in as Logto's own roles, as core does: same server, same trust, the user and the password of the table <c>tenants</c>
/// (<c>packages/core/src/utils/tenant.ts</c>).
/// </summary>
internal sealed class TenantLogins(LogtoDatabase database, ILogger logger)
{
    // A cloud has thousands of tenants, and an installation of one's own two; these first.
    private const string Some = """
        select db_user::text, db_user_password::text, (select count(*) from tenants where db_user is not null)
          from tenants where db_user is not null order by id in ('default', 'admin') desc, id limit 5
        """;

    // Logto's tables are those with the policy of its own name (packages/schemas/tables/_after_each.sql).
    private const string ClosedTables = """
        select c.relname::text from pg_catalog.pg_class c join pg_catalog.pg_policy p on p.polrelid = c.oid and p.polname = (c.relname || '_tenant_id')::name
          where c.relnamespace = (select relnamespace from pg_catalog.pg_class where oid = 'applications'::regclass)
            and c.relname <> 'tenants' and not has_table_privilege(c.oid, 'SELECT')
          order by 1
        """;

    /// <summary>Tries five at most, and says in the log which ones.</summary>
    /// <param name="behindPooler">A pooler may not know these roles, though Logto connects without it: then failures are warnings.</param>
    /// <param name="cancellationToken">Ends the wait for a server that is out of reach.</param>
    /// <returns>Those that failed.</returns>
    /// <exception cref="DatabaseException">The database refused us ourselves, or was not reached in time.</exception>
    public async Task<IReadOnlyList<FailedLogin>> TryAsync(bool behindPooler, CancellationToken cancellationToken)
    {
        var (tenants, count) = await database.WithConnectionAsync(ReadAsync, cancellationToken);
        var failed = new List<FailedLogin>();
        foreach (var (role, password) in tenants)
        {
            try
            {
                var closed = await database.WithConnectionAsync(role, password, ReadClosedTablesAsync, cancellationToken);
                if (closed.Count > 0)
                {
                    failed.Add(new FailedLogin(role, $"permission denied for {closed.Count} of Logto's tables, such as {closed[0]}", IsPassword: false, IsRight: true));
                }
            }
            catch (DatabaseException refusal) when (refusal.Failure != DatabaseFailure.NotYet || behindPooler)
            {
                failed.Add(new FailedLogin(
                    role, refusal.Message,
                    IsPassword: refusal.InnerException is PostgresException { SqlState: PostgresErrorCodes.InvalidPassword },
                    IsRight: refusal.InnerException is PostgresException { SqlState: PostgresErrorCodes.InsufficientPrivilege or PostgresErrorCodes.InvalidAuthorizationSpecification }));
            }
        }

        logger.TriedLogins(tenants.Count - failed.Count, tenants.Count, count, string.Join(", ", tenants.Select(tenant => tenant.Role)));
        if (!behindPooler)
        {
            return failed;
        }

        foreach (var login in failed)
        {
            logger.LoginThroughPoolerFailed(login.Role, login.Reason);
        }

        return [];
    }

    private static async Task<(IReadOnlyList<(string Role, string? Password)> Tenants, long Count)> ReadAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(Some, connection);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var tenants = new List<(string, string?)>();
        var count = 0L;
        while (await reader.ReadAsync(cancellationToken))
        {
            tenants.Add((reader.GetString(0), await reader.IsDBNullAsync(1, cancellationToken) ? null : reader.GetString(1)));
            count = reader.GetInt64(2);
        }

        return (tenants, count);
    }

    private static async Task<IReadOnlyList<string>> ReadClosedTablesAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var batch = new NpgsqlBatch(connection) { BatchCommands = { new("select id from applications limit 1"), new(ClosedTables) } };
        await using var reader = await batch.ExecuteReaderAsync(cancellationToken);
        await reader.NextResultAsync(cancellationToken);
        return await reader.ReadNamesAsync(cancellationToken);
    }
}
