namespace LogtoMigrateInit.Logto;

/// <summary>Reports an installation that cannot be used. The message is a sentence for the operator, with the next step.</summary>
internal sealed class UnusableTargetException(string message) : Exception(message);
