using LogtoMigrateInit.PostgreSql;
using LogtoMigrateInit.Reporting;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace LogtoMigrateInit.Inspections;

/// <summary>The kind of reason why core cannot work as a role.</summary>
internal enum LoginTrouble
{
    /// <summary>Any other reason, such as <c>pg_hba.conf</c>.</summary>
    Other,

    /// <summary>The role does not have the password of the table <c>tenants</c>.</summary>
    Password,

    /// <summary>The role may not log in, or may not read or write.</summary>
    Right,

    /// <summary>The role's <c>search_path</c> does not lead to Logto's tables.</summary>
    SearchPath,

    /// <summary>A time-out of the role canceled a query that takes milliseconds.</summary>
    TimeOut,

    /// <summary>The role's transactions are read-only.</summary>
    ReadOnly,
}

/// <summary>A role of Logto as which core cannot work.</summary>
/// <param name="Reason">The server's message, or a clause.</param>
/// <param name="Schema">The schema of Logto's tables, if the role's <c>search_path</c> does not lead to it; otherwise null.</param>
internal sealed record FailedLogin(string Role, string Reason, LoginTrouble Trouble, string? Schema = null)
{
    /// <summary>
    /// Whether the role belongs to the tenant <c>default</c> or <c>admin</c>. Faults of other tenants do not disturb these two.
    /// </summary>
    public bool IsNeeded { get; init; } = true;
}

/// <summary>
/// Logs in as Logto's roles like core: on the same server, with the same trusted certificates, and with the users and passwords of the
/// table <c>tenants</c> (<c>packages/core/src/utils/tenant.ts</c>).
/// </summary>
internal sealed class TenantLogins(LogtoDatabase database, IReadOnlyList<string> tables, ILogger logger)
{
    // Logto's cloud has thousands of tenants, a self-hosted Logto two. These two come first.
    private const string Some = """
        select db_user::text, db_user_password::text, (select count(*) from tenants where db_user is not null),
          id in ('default', 'admin'),
          (select relnamespace::regnamespace::text from pg_catalog.pg_class where oid = to_regclass('applications'))
        from tenants
        where db_user is not null
        order by id in ('default', 'admin') desc, id
        limit 5
        """;

    private const string ClosedTables = """
        select c.relname::text
        from pg_catalog.pg_class c
        where c.relnamespace = (select relnamespace from pg_catalog.pg_class where oid = 'applications'::regclass)
          and c.relkind = 'r'
          and c.relname = any (string_to_array($1, ',')::name[])
          and c.relname not in ('tenants', 'systems', 'service_logs')
          and not (has_table_privilege(c.oid, 'SELECT') and has_table_privilege(c.oid, 'INSERT')
            and has_table_privilege(c.oid, 'UPDATE') and has_table_privilege(c.oid, 'DELETE'))
        order by 1
        """;

    private const string IsReadOnly = "select current_setting('transaction_read_only')";

    /// <summary>Tries at most five roles and logs their names. Logs a warning for each failed role of other tenants.</summary>
    /// <param name="serverIsReadOnly">Whether all sessions are read-only, so that a role is not the cause.</param>
    /// <returns>The failed roles of the tenants <c>default</c> and <c>admin</c>.</returns>
    /// <exception cref="DatabaseException">The database refused the program's own user, or was not reached in time.</exception>
    public async Task<IReadOnlyList<FailedLogin>> TryAsync(bool serverIsReadOnly, CancellationToken cancellationToken)
    {
        var failed = await FindFailedAsync(serverIsReadOnly, except: [], cancellationToken);
        foreach (var other in failed.Where(login => !login.IsNeeded))
        {
            logger.LoginOfOtherTenantFailed(other.Role, other.Reason);
        }

        return [.. failed.Where(login => login.IsNeeded)];
    }

    /// <summary>Tries at most five roles, logs their names, and returns those that failed.</summary>
    /// <param name="serverIsReadOnly">Whether all sessions are read-only, so that a role is not the cause.</param>
    /// <param name="except">Roles that are known not to work.</param>
    /// <exception cref="DatabaseException">The database refused the program's own user, or was not reached in time.</exception>
    public async Task<IReadOnlyList<FailedLogin>> FindFailedAsync(
        bool serverIsReadOnly, IReadOnlyList<string> except, CancellationToken cancellationToken)
    {
        var (found, count, schema) = await database.WithConnectionAsync(ReadAsync, cancellationToken);
        (string Role, string? Password, bool IsNeeded)[] tenants = [.. found.Where(tenant => !except.Contains(tenant.Role))];
        var failed = new List<FailedLogin>();
        foreach (var (role, password, isNeeded) in tenants)
        {
            if (await TryAsync(role, password, serverIsReadOnly, cancellationToken) is { } failure)
            {
                failed.Add(failure with { IsNeeded = isNeeded, Schema = failure.Trouble == LoginTrouble.SearchPath ? schema : null });
            }
        }

        logger.TriedLogins(tenants.Length - failed.Count, tenants.Length, count, string.Join(", ", tenants.Select(tenant => tenant.Role)));
        return failed;
    }

    /// <returns>Null when core can work as the role.</returns>
    private async Task<FailedLogin?> TryAsync(string role, string? password, bool serverIsReadOnly, CancellationToken cancellationToken)
    {
        try
        {
            var (closed, isReadOnly) = await database.WithConnectionAsync(role, password, WorkAsync, cancellationToken);
            return closed.Count > 0
                ? new FailedLogin(role, $"permission denied for {closed.Count} of Logto's tables, such as {closed[0]}", LoginTrouble.Right)
                : isReadOnly && !serverIsReadOnly
                    ? new FailedLogin(role, "its transactions are read-only (default_transaction_read_only)", LoginTrouble.ReadOnly)
                    : null;
        }
        catch (DatabaseException refusal) when (refusal.Load == ServerLoad.Full)
        {
            return null; // The server checks the password before the connection limit, so the login works.
        }
        catch (DatabaseException refusal) when (refusal.Failure != DatabaseFailure.NotYet || TroubleOf(refusal) == LoginTrouble.TimeOut)
        {
            return new FailedLogin(role, refusal.Message, TroubleOf(refusal));
        }
    }

    private static LoginTrouble TroubleOf(DatabaseException refusal) => refusal.InnerException is PostgresException answer
        ? answer.SqlState switch
        {
            PostgresErrorCodes.InvalidPassword => LoginTrouble.Password,

            // PgBouncer's message for a wrong password.
            PostgresErrorCodes.ProtocolViolation when answer.MessageText == "SASL authentication failed" => LoginTrouble.Password,
            PostgresErrorCodes.InsufficientPrivilege or PostgresErrorCodes.InvalidAuthorizationSpecification => LoginTrouble.Right,
            PostgresErrorCodes.UndefinedTable => LoginTrouble.SearchPath,
            PostgresErrorCodes.QueryCanceled or "25P03" or "25P04" or "57P05" => LoginTrouble.TimeOut,
            _ => LoginTrouble.Other,
        }
        : LoginTrouble.Other;

    /// <returns>At most five roles, the number of all roles, and the quoted schema of Logto's tables.</returns>
    private static async Task<(IReadOnlyList<(string Role, string? Password, bool IsNeeded)> Tenants, long Count, string? Schema)>
        ReadAsync(
        NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(Some, connection);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var tenants = new List<(string, string?, bool)>();
        var (count, schema) = (0L, (string?)null);
        while (await reader.ReadAsync(cancellationToken))
        {
            tenants.Add((reader.GetString(0), await reader.ReadTextAsync(1, cancellationToken), reader.GetBoolean(3)));
            (count, schema) = (reader.GetInt64(2), await reader.ReadTextAsync(4, cancellationToken));
        }

        return (tenants, count, schema);
    }

    private async Task<(
        IReadOnlyList<string> ClosedTables, bool IsReadOnly)> WorkAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var batch = new NpgsqlBatch(connection)
        {
            BatchCommands =
            {
                new("select id from applications limit 1"),
                new(ClosedTables) { Parameters = { new() { Value = string.Join(',', tables) } } },
                new(IsReadOnly),
            },
        };
        await using var reader = await batch.ExecuteReaderAsync(cancellationToken);
        await reader.NextResultAsync(cancellationToken);
        var closed = await reader.ReadNamesAsync(cancellationToken);
        await reader.NextResultAsync(cancellationToken);
        return (closed, await reader.ReadNamesAsync(cancellationToken) is ["on"]);
    }
}
