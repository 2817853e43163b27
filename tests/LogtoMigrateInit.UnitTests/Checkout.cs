namespace LogtoMigrateInit.UnitTests;

/// <summary>The files of the project, some of which these tests hold together with the code.</summary>
internal static class Checkout
{
    public static string Root { get; } = Find();

    private static string Find()
    {
        var folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(folder, "LogtoMigrateInit.sln")))
        {
            folder = Path.GetDirectoryName(folder.TrimEnd('/')) ?? throw new DirectoryNotFoundException("The tests run outside of the checkout.");
        }

        return folder;
    }
}
