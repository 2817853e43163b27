using System.Data;
using LogtoMigrateInit.Locking;
using LogtoMigrateInit.PostgreSql;
using LogtoMigrateInit.Reporting;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace LogtoMigrateInit.Repair;

/// <summary>Runs the SQL of findings, each as a whole or not at all.</summary>
/// <param name="sessionName">How the session is called, so that a later run ends it or waits for it when this one is killed.</param>
internal sealed class RepairSession(string sessionName, LogtoDatabase database, ILogger logger)
{
    /// <summary>Other sessions wait behind a statement that waits for a lock.</summary>
    private const string LockTimeout = "3s";

    // "privilege_not_granted" and "privilege_not_revoked" are warnings (https://www.postgresql.org/docs/current/errcodes-appendix.html).
    private static readonly string[] NotGranted = ["01006", "01007"];

    /// <param name="findings">With SQL that was not tried yet.</param>
    /// <param name="survey">Where they were found.</param>
    /// <param name="progress">Gets what became of each.</param>
    /// <param name="run">Holds the lock.</param>
    /// <exception cref="DatabaseException">The connection was lost.</exception>
    public async Task ApplyAsync(IReadOnlyList<Finding> findings, RepairSurvey survey, RepairProgress progress, LockedRun run)
    {
        var held = run.WhileLocked;
        await using var connection = await database.RetryAsync(token => database.OpenForWorkAsync(token), held);
        string? warning = null;
        connection.Notice += (_, notice) => warning = NotGranted.Contains(notice.Notice.SqlState) ? notice.Notice.MessageText : warning;
        try
        {
            if (!survey.Inspection.BehindPooler)
            {
                await PrepareAsync(connection, held);
            }

            foreach (var finding in findings)
            {
                warning = null;
                var reason = IsWithoutPolicies(finding, survey, progress)
                    ? "its policies could not be restored, and without them Logto would see no rows"
                    : await TryAsync(connection, finding, held) ?? warning;
                if (reason is null)
                {
                    progress.Succeeded(finding);
                    logger.Repaired(finding.What);
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

    /// <summary>Row-level security without policies hides all rows from Logto.</summary>
    private static bool IsWithoutPolicies(Finding finding, RepairSurvey survey, RepairProgress progress) =>
        finding.Of.Kind == "row-level security"
        && survey.Findings.Any(other => other.Of.Kind == "policy"
            && other.Of.Name.EndsWith($" on {finding.Of.Name}", StringComparison.Ordinal)
            && (other.By == RepairBy.Command ? !progress.HasSucceeded(other) : other.Sql is null));

    /// <returns>Null: it has worked; otherwise why it has not, and nothing was changed.</returns>
    private async Task<string?> TryAsync(NpgsqlConnection connection, Finding finding, CancellationToken held)
    {
        try
        {
            if (finding.IsConcurrent)
            {
                logger.RepairingIndex(finding.What);
                await ExecuteAsync(connection, finding.Sql!, held);
                return null;
            }

            var sql = finding.Sql;
            if (finding.PasswordOf is { } role)
            {
                if (await ReadPasswordAsync(connection, role, held) is not { } password)
                {
                    return "the table 'tenants' has no password for it any more";
                }

                sql = $"{(sql is null ? "" : $"{sql}; ")}alter role {SqlNames.Quote(role)} " +
                    $"password {SqlNames.Literal(ScramVerifier.Of(password))}";
            }

            // Without an explicit transaction these are one, because they are sent at once.
            await ExecuteAsync(connection, $"select pg_catalog.set_config('lock_timeout', '{LockTimeout}', true); {sql}", held);
            return null;
        }
        catch (PostgresException refusal) when (connection.State == ConnectionState.Open)
        {
            return $"{refusal.MessageText} (SQLSTATE {refusal.SqlState})";
        }
    }

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

    /// <summary>Not through a pooler, where settings stay behind on a connection that others use.</summary>
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
