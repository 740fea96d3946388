/* The only function of Windows' bcryptprimitives.dll that Go's runtime calls. Wine 8 has no such
 * DLL, so tools/check_wheels.py puts this one into Wine's system32. No wheel contains it.
 */
#include <windows.h>

BOOLEAN NTAPI SystemFunction036(void *buffer, ULONG size); /* RtlGenRandom, of advapi32.dll */

__declspec(dllexport) BOOL WINAPI ProcessPrng(BYTE *buffer, SIZE_T size)
{
    while (size > 0) {
        ULONG some = size > 1 << 20 ? 1 << 20 : (ULONG)size;
        if (!SystemFunction036(buffer, some))
            return FALSE;
        buffer += some;
        size -= some;
    }
    return TRUE;
}
