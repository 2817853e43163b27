using System.CommandLine;
using System.CommandLine.Invocation;
using System.Reflection;

namespace LogtoMigrateInit.CommandLine;

/// <summary>Prints the program's name and its version.</summary>
internal sealed class ShowVersion : SynchronousCommandLineAction
{
    public override int Invoke(ParseResult parseResult)
    {
        var version = typeof(ShowVersion).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion;
        parseResult.InvocationConfiguration.Output.WriteLine($"logto-migrate-init {version}");
        return 0;
    }
}
