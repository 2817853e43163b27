using LogtoMigrateInit.LogtoCli;
using LogtoMigrateInit.PostgreSql;
using LogtoMigrateInit.Reporting;
using LogtoMigrateInit.Settings;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace LogtoMigrateInit.LogtoServer;

/// <summary>Starts the target's Logto on the real database. Logto only reads there, unless the rotation of a signing key is due.</summary>
internal sealed class DatabaseStart(ProgramSettings settings, LogtoDatabase database, CliFolder folders, ServerTrial trial, ILogger logger)
{
    private const string Tenants = "select id::text from tenants where id in ('default', 'admin') order by id desc";

    // The condition of `promoteScheduledSigningKeyRotation` in core since 1.39 (packages/core/src/libraries/logto-config.ts).
    private const string DueRotations = """
        select state.tenant_id::text
        from logto_configs state
        join logto_configs keys on keys.tenant_id = state.tenant_id and keys.key = 'oidc.privateKeys'
        where state.key = 'signingKeyRotationState'
          and state.tenant_id in ('default', 'admin')
          and jsonb_path_exists(state.value, '$.signingKeyRotationAt ? (@ <= $now)',
            jsonb_build_object('now', extract(epoch from now()) * 1000))
          and jsonb_path_exists(keys.value, '$[*] ? (@.status == "Next")')
        order by 1
        """;

    /// <summary>Starts Logto, and warns first when the rotation of a signing key is due.</summary>
    /// <exception cref="DatabaseException">The database was not reached, or refused the program.</exception>
    public async Task<ServerStart> RunAsync(CancellationToken stop)
    {
        if (trial.WhyImpossible() is { } impossible)
        {
            return new ServerStart.NotStarted(impossible);
        }

        using var folder = await folders.TakeAsync(stop);
        if (folder is null)
        {
            return new ServerStart.NotStarted(folders.WhyBusy);
        }

        var (tenants, due) = await database.WithWorkConnectionAsync(ReadAsync, stop);
        if (tenants.Count == 0)
        {
            return new ServerStart.NotStarted("there is neither a default nor an admin tenant to ask");
        }

        if (due.Count > 0)
        {
            logger.RotationIsDue(string.Join(" and ", due));
        }

        return await trial.RunAsync(settings.Main, tenants, folder, $"the database {settings.Main.Database}", stop);
    }

    private static async Task<(IReadOnlyList<string> Tenants, IReadOnlyList<string> Due)> ReadAsync(
        NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var batch = new NpgsqlBatch(connection) { BatchCommands = { new(Tenants), new(DueRotations) } };
        await using var reader = await batch.ExecuteReaderAsync(cancellationToken);
        var tenants = await reader.ReadNamesAsync(cancellationToken);
        await reader.NextResultAsync(cancellationToken);
        return (tenants, await reader.ReadNamesAsync(cancellationToken));
    }
}
