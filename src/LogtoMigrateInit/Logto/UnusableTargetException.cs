namespace LogtoMigrateInit.Logto;

/// <summary>The installation cannot be used; the message is a sentence for the operator, with the next step.</summary>
internal sealed class UnusableTargetException(string message) : Exception(message);
