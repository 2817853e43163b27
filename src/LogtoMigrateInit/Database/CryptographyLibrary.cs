using System.Runtime.InteropServices;

namespace LogtoMigrateInit.Database;

/// <summary>
/// .NET keeps its cryptography in OpenSSL, loads it when a password is first hashed, and aborts the process when it is not there.
/// </summary>
internal static class CryptographyLibrary
{
    // The names that the runtime tries (src/native/libs/System.Security.Cryptography.Native/opensslshim.c in dotnet/runtime).
    private static readonly string[] Names = ["libssl.so.3", "libssl.so.1.1", "libssl.so.1.0.2", "libssl.so.1.0.0", "libssl.so.10"];

    public static bool IsPresent() => Names.Any(name => NativeLibrary.TryLoad(name, out _));
}
