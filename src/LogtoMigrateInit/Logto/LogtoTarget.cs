namespace LogtoMigrateInit.Logto;

/// <summary>The Logto release that is about to start.</summary>
/// <param name="Installation">Its files.</param>
/// <param name="Catalog">The alterations that it ships.</param>
internal sealed record LogtoTarget(LogtoInstallation Installation, AlterationCatalog Catalog);
