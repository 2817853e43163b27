using System.Data;
using LogtoMigrateInit.Locking;
using LogtoMigrateInit.PostgreSql;
using LogtoMigrateInit.Reporting;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace LogtoMigrateInit.Repair;

/// <summary>
/// Runs the SQL of findings, each in a transaction. The exception is a concurrent index build: one that fails may leave an invalid index,
/// which the next inspection finds.
/// </summary>
/// <param name="sessionName">
/// The <c>application_name</c> of the session. If this run is killed, a later run finds the session by it, and ends it or waits for it.
/// </param>
internal sealed class RepairSession(string sessionName, LogtoDatabase database, DirectServer server, ILogger logger)
{
    /// <summary>The limit of a wait for a lock. Reason: other sessions queue behind a statement that waits for one.</summary>
    private const string LockTimeout = "3s";

    // "privilege_not_granted" and "privilege_not_revoked" are warnings (https://www.postgresql.org/docs/current/errcodes-appendix.html).
    private static readonly string[] NotGranted = ["01006", "01007"];

    /// <summary>Runs the SQL of findings, and logs the result of each.</summary>
    /// <param name="findings">Findings whose SQL was not tried yet.</param>
    /// <param name="survey">The survey of the findings.</param>
    /// <param name="progress">Receives the result of each finding.</param>
    /// <exception cref="DatabaseException">The connection failed or was lost.</exception>
    public async Task ApplyAsync(IReadOnlyList<Finding> findings, RepairSurvey survey, RepairProgress progress, LockedRun run)
    {
        var whileLocked = run.WhileLocked;
        var behindPooler = survey.Inspection.BehindPooler;
        try
        {
            await using var connection = await database.RetryAsync(token => database.OpenForWorkAsync(token), whileLocked);
            if (!behindPooler)
            {
                await PrepareAsync(connection, whileLocked);
            }

            foreach (var finding in findings)
            {
                var reason = IsWithoutPolicies(finding, survey, progress)
                    ? "its policies could not be restored, and without them Logto would see no rows"
                    : !finding.IsConcurrent ? await TryAsync(connection, finding, whileLocked)
                    : behindPooler ? await TryConcurrentlyOnServerAsync(finding, whileLocked)
                    : await TryConcurrentlyAsync(connection, finding, whileLocked);
                if (reason is null)
                {
                    progress.Applied(finding);
                    logger.RepairApplied(finding.What);
                }
                else
                {
                    progress.Failed(finding, reason);
                    logger.NotRepaired(finding.What, reason);
                }
            }
        }
        catch (Exception broken) when (broken is not OperationCanceledException && DatabaseException.From(broken) is { } failure)
        {
            throw failure;
        }
    }

    /// <summary>
    /// Whether the finding would enable row-level security on a table that lacks policies, which would hide all rows from Logto.
    /// </summary>
    private static bool IsWithoutPolicies(Finding finding, RepairSurvey survey, RepairProgress progress) =>
        finding.Of.Kind == "row-level security"
        && survey.Findings.Any(other => other.Of.Kind == "policy"
            && other.Of.Name.EndsWith($" on {finding.Of.Name}", StringComparison.Ordinal)
            && (other.By == RepairBy.Command ? !progress.HasRun(other) : other.Sql is null));

    /// <summary>Runs the SQL in a transaction. A warning that a right was not granted or revoked also rolls it back.</summary>
    /// <returns>Null when it worked; otherwise the reason, and nothing was changed.</returns>
    private static async Task<string?> TryAsync(NpgsqlConnection connection, Finding finding, CancellationToken whileLocked)
    {
        var warnings = new List<string>();
        connection.Notice += Remember;
        try
        {
            if (await SqlOfAsync(connection, finding, whileLocked) is not { } sql)
            {
                return "the table 'tenants' has no password for it any more";
            }

            await using var transaction = await connection.BeginTransactionAsync(whileLocked);
            await ExecuteAsync(connection, $"select pg_catalog.set_config('lock_timeout', '{LockTimeout}', true); {sql}", whileLocked);
            if (warnings.Count == 0)
            {
                await transaction.CommitAsync(whileLocked);
            }

            return warnings.FirstOrDefault();
        }
        catch (PostgresException refusal) when (connection.State == ConnectionState.Open)
        {
            return Describe(refusal);
        }
        finally
        {
            connection.Notice -= Remember;
        }

        void Remember(object sender, NpgsqlNoticeEventArgs notice)
        {
            if (NotGranted.Contains(notice.Notice.SqlState))
            {
                warnings.Add(notice.Notice.MessageText);
            }
        }
    }

    /// <summary>
    /// Runs the SQL without the pooler. Reason: outside a transaction, a pooler does not keep the session's lock_timeout.
    /// </summary>
    private async Task<string?> TryConcurrentlyOnServerAsync(Finding finding, CancellationToken whileLocked)
    {
        if (await server.WhyElsewhereAsync(database, whileLocked) is { } elsewhere)
        {
            return elsewhere;
        }

        await using var connection = await server.Database.RetryAsync(token => server.Database.OpenForWorkAsync(token), whileLocked);
        await PrepareAsync(connection, whileLocked);
        return await TryConcurrentlyAsync(connection, finding, whileLocked);
    }

    /// <returns>Null when it worked; otherwise the reason. A failure may leave an invalid index.</returns>
    private async Task<string?> TryConcurrentlyAsync(NpgsqlConnection connection, Finding finding, CancellationToken whileLocked)
    {
        var before = await ReadHalfBuiltAsync(connection, finding, whileLocked);
        try
        {
            logger.RepairingIndex(finding.What);
            await ExecuteAsync(connection, finding.Sql!, whileLocked);
            return null;
        }
        catch (PostgresException refusal) when (connection.State == ConnectionState.Open)
        {
            foreach (var index in (await ReadHalfBuiltAsync(connection, finding, whileLocked)).Except(before))
            {
                await TryDropAsync(connection, index, whileLocked);
            }

            return Describe(refusal);
        }
    }

    /// <summary>
    /// Reads the INVALID indexes that failed rebuilds have left on the index's table. PostgreSQL names them so
    /// (https://www.postgresql.org/docs/current/sql-reindex.html).
    /// </summary>
    private static async Task<IReadOnlyList<string>> ReadHalfBuiltAsync(
        NpgsqlConnection connection, Finding finding, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(
            """
            select c.relname::text from pg_index i join pg_class c on c.oid = i.indexrelid
              where not i.indisvalid and c.relname ~ '_ccnew[0-9]*$'
                and i.indrelid = (select indrelid from pg_index where indexrelid = to_regclass(quote_ident($1)))
            """,
            connection)
        {
            Parameters = { new() { Value = finding.Of.Name } },
        };
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var names = new List<string>();
        while (await reader.ReadAsync(cancellationToken))
        {
            names.Add(reader.GetString(0));
        }

        return names;
    }

    /// <summary>Drops what our own rebuild has left. If that fails, the next inspection finds the index.</summary>
    private static async Task TryDropAsync(NpgsqlConnection connection, string index, CancellationToken cancellationToken)
    {
        try
        {
            await ExecuteAsync(connection, $"drop index concurrently {SqlNames.Quote(index)}", cancellationToken);
        }
        catch (PostgresException) when (connection.State == ConnectionState.Open)
        {
            // It is locked, for example.
        }
    }

    private static string Describe(PostgresException refusal) => $"{refusal.MessageText} (SQLSTATE {refusal.SqlState})";

    /// <returns>The SQL, with a verifier of the role's password if needed; null when <c>tenants</c> has no password for the role.</returns>
    private static async Task<string?> SqlOfAsync(NpgsqlConnection connection, Finding finding, CancellationToken whileLocked) =>
        finding.PasswordOf is not { } role ? finding.Sql
        : await ReadPasswordAsync(connection, role, whileLocked) is { } password
            ? $"{(finding.Sql is null ? "" : $"{finding.Sql}; ")}alter role {SqlNames.Quote(role)} " +
                $"password {SqlNames.Literal(ScramVerifier.Of(password))}"
        : null;

    private static async Task<string?> ReadPasswordAsync(NpgsqlConnection connection, string role, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(
            "select db_user_password::text from tenants where db_user::name = $1::name and db_user_password is not null limit 1",
            connection)
        {
            Parameters = { new() { Value = role } },
        };
        return (string?)await command.ExecuteScalarAsync(cancellationToken);
    }

    /// <summary>
    /// Gives the session its name and its lock_timeout. It must not be behind a pooler, where the settings would stay on a connection that
    /// other clients use.
    /// </summary>
    private async Task PrepareAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(
            """
            select set_config('application_name', $1, false), set_config('client_connection_check_interval', '2s', false),
              set_config('lock_timeout', $2, false)
            """,
            connection)
        {
            Parameters = { new() { Value = sessionName }, new() { Value = LockTimeout } },
        };
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    private static async Task ExecuteAsync(NpgsqlConnection connection, string sql, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(sql, connection) { CommandTimeout = 0 };
        await command.ExecuteNonQueryAsync(cancellationToken);
    }
}
