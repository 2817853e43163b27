using LogtoMigrateInit.Logto;
using LogtoMigrateInit.PostgreSql;
using LogtoMigrateInit.Reporting;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace LogtoMigrateInit.LogtoServer;

/// <summary>
/// Starts the target's Logto on a copy. For that it lets the copy's roles log in and changes their passwords, so no later step may compare
/// the copy.
/// </summary>
internal sealed class CopyStart(ServerTrial trial, ILogger logger)
{
    private const string Tenants = """
        select id::text, db_user::text, db_user_password::text
        from tenants
        where id in ('default', 'admin')
        order by id desc
        """;

    // The server generates the passwords, so that no statement and no log shows them.
    private const string LetIn = """
        do $$
        declare t record; secret text;
        begin
        for t in select id, db_user from tenants where id in ('default', 'admin') loop
        secret := gen_random_uuid();
        execute format('grant connect on database %I to %I', current_database(), t.db_user);
        begin execute format('alter role %I login password %L', t.db_user, secret);
        exception when others then raise exception 'role % could not be changed: %', t.db_user, sqlerrm; end;
        update tenants set db_user_password = secret where id = t.id;
        end loop;
        end $$
        """;

    /// <summary>Whether Logto reads this table when it starts and answers. Every copy keeps the rows of such tables.</summary>
    public static bool NeedsRowsOf(string table) => table is "tenants" or "logto_configs" or "systems" or "sign_in_experiences";

    /// <summary>Lets the copy's roles log in, and starts Logto on the copy.</summary>
    /// <param name="folder">The lock on the installation's folder.</param>
    /// <param name="whileLocked">When canceled, Logto is killed immediately.</param>
    public async Task<ServerStart> RunAsync(LogtoDatabase copy, FolderLock folder, CancellationToken whileLocked)
    {
        var start = trial.WhyImpossible() is { } impossible
            ? new ServerStart.NotStarted(impossible)
            : await TryAsync(copy, folder, whileLocked);
        if (start is ServerStart.NotStarted { Reason: var reason })
        {
            logger.ServerNotStarted(reason);
        }

        return start;
    }

    private async Task<ServerStart> TryAsync(LogtoDatabase copy, FolderLock folder, CancellationToken whileLocked)
    {
        try
        {
            var tenants = await copy.WithWorkConnectionAsync(ReadAsync, whileLocked);
            if (WhyNotOurs(tenants, copy.Target.Database) is { } reason)
            {
                return new ServerStart.NotStarted(reason);
            }

            tenants = await copy.WithWorkConnectionAsync(LetInAsync, whileLocked);
            foreach (var tenant in tenants)
            {
                await copy.WithConnectionAsync(tenant.Role, tenant.Password, (_, _) => Task.FromResult(true), whileLocked);
            }

            return await trial.RunAsync(copy.Target, [.. tenants.Select(tenant => tenant.Id)], folder, "the copy", whileLocked);
        }
        catch (Exception refusal) when (refusal is not OperationCanceledException && DatabaseException.From(refusal) is { } failure)
        {
            return new ServerStart.NotStarted($"the server does not let Logto's roles into the copy ({failure.Message})");
        }
    }

    /// <summary>Checks that the tenants' roles belong to the copy alone. Roles that other databases use too must not change.</summary>
    /// <returns>A clause; null when all roles belong to the copy.</returns>
    private static string? WhyNotOurs(IReadOnlyList<Tenant> tenants, string copy)
    {
        string[] own = [LogtoNames.RolePrefix + copy + "_", LogtoNames.RolePrefix + copy.Replace('-', '_') + "_"];
        return tenants.Count == 0
            ? "the copy has neither a default nor an admin tenant"
            : tenants.FirstOrDefault(tenant => !own.Any(prefix => tenant.Role.StartsWith(prefix, StringComparison.Ordinal)))
                is { } other
                ? $"the {other.Id} tenant logs in as '{other.Role}', which is not a role for this database alone and so none of the copy's"
                : null;
    }

    private static async Task<IReadOnlyList<Tenant>> LetInAsync(
        NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(LetIn, connection);
        await command.ExecuteNonQueryAsync(cancellationToken);
        return await ReadAsync(connection, cancellationToken);
    }

    private static async Task<IReadOnlyList<Tenant>> ReadAsync(
        NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(Tenants, connection);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var tenants = new List<Tenant>();
        while (await reader.ReadAsync(cancellationToken))
        {
            var role = await reader.ReadTextAsync(1, cancellationToken) ?? "";
            tenants.Add(new Tenant(reader.GetString(0), role, await reader.ReadTextAsync(2, cancellationToken)));
        }

        return tenants;
    }

    private sealed record Tenant(string Id, string Role, string? Password);
}
