namespace LogtoMigrateInit.PostgresTools;

/// <summary>
/// Reports that <c>pg_dump</c>, <c>pg_restore</c> or the CLI in a scratch database is missing, unsuitable, or failed. The message is a
/// clause for the operator.
/// </summary>
internal sealed class PostgresToolException(string reason, Exception? cause = null) : Exception(reason, cause);
