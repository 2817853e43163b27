namespace LogtoMigrateInit.Logto;

/// <summary>The requirements of the target for its database, beyond the alterations.</summary>
/// <param name="Tables">The names of the tables that the target's seed creates.</param>
/// <param name="KeysHaveStatus">
/// Whether core checks the status of signing keys (since 1.39.0). It answers 500 if it does not accept the set of keys.
/// </param>
internal sealed record LogtoRequirements(IReadOnlyList<string> Tables, bool KeysHaveStatus)
{
    /// <summary>Whether Logto sends requests to the tenant <c>default</c>, so that the tenant must exist.</summary>
    public bool NeedsDefaultTenant { get; init; } = true;
}
