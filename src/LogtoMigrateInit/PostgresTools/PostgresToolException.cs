namespace LogtoMigrateInit.PostgresTools;

/// <summary><c>pg_dump</c> or <c>pg_restore</c> is missing, does not fit or has failed; the message is a clause for the operator.</summary>
internal sealed class PostgresToolException(string reason, Exception? cause = null) : Exception(reason, cause);
